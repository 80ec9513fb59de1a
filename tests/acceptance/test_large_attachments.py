"""Files that are huge, endless, slow or a bomb: each has its outcome, in a bounded time and a bounded memory."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web

from devtools.stand_ins import StandIns
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, mail

MB = 1_000_000
AT_ONCE = 20
BOMB = gzip.compress(gzip.compress(bytes(200 * MB)))
ROOM = 60
"""MB that a process may take beside what its setting says: pieces under way, and what Python keeps."""


async def fifty_megabytes(request: web.Request) -> web.StreamResponse:
    return await _poured(request, 50, declared=True)


async def undeclared(request: web.Request) -> web.StreamResponse:
    return await _poured(request, 50, declared=False)


async def endless(request: web.Request) -> web.StreamResponse:
    return await _poured(request, 10**6, declared=False)


async def dripping(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.05)


async def bomb(_: web.Request) -> web.Response:
    return web.Response(body=gzip.decompress(BOMB), headers={"Content-Encoding": "gzip"})


async def _poured(request: web.Request, megabytes: int, *, declared: bool) -> web.StreamResponse:
    response = web.StreamResponse()
    if declared:
        response.content_length = megabytes * MB
    await response.prepare(request)
    for _ in range(megabytes):
        await response.write(bytes(MB))
    return response


FILES = {"declared": fifty_megabytes, "undeclared": undeclared, "endless": endless, "bomb": bomb}


@pytest_asyncio.fixture
async def hosts() -> AsyncIterator[StandIns]:
    async with StandIns(files={**FILES, "dripping": dripping, "small": b"small", "large": bytes(8 * MB)}) as there:
        yield there


async def started(stage: Stage, **settings: str) -> tuple[Service, float]:
    """A consumer, and the megabytes that it takes once it has sent a mail."""
    service = await stage.run(CONSUMER_ATTACHMENTS__TIMEOUT="10s", **settings)
    assert (await stage.asked(mail(), "first")).status == 204
    return service, service.megabytes()


async def test_what_is_too_large_is_refused_with_little_memory_however_it_comes(stage: Stage, hosts: StandIns) -> None:
    service, before = await started(
        stage,
        CONSUMER_ATTACHMENTS__TOTAL="10MB",
        CONSUMER_ATTACHMENTS__EACH="5MB",
        CONSUMER_ATTACHMENTS__MEMORY="120MB",
    )
    origins = [
        await stage.ask(mail(attachments=[f"{hosts.url}/files/{name}"]), f"{name}-{number}")
        for number in range(AT_ONCE)
        for name in FILES
    ]
    for origin in origins:
        told = await stage.outcomes.of(origin)
        assert (told.status, told.type) == (413, "attachment-too-large")
    assert len(stage.relay.taken) == 1
    assert service.megabytes() - before < 120 + ROOM


async def test_a_file_that_drips_is_waited_for_no_longer_than_its_time(stage: Stage, hosts: StandIns) -> None:
    await started(stage)
    await stage.ask(mail(attachments=[f"{hosts.url}/files/dripping"]), "drips")
    waits = await stage.parked(["drips"])
    assert waits["drips"]["reason"] == "attachment-host-unavailable"


async def test_large_mails_of_one_tenant_take_no_more_than_the_memory_and_hold_up_nobody(
    stage: Stage, hosts: StandIns
) -> None:
    stage.tenants["other"] = {}
    service, before = await started(
        stage,
        CONSUMER_ATTACHMENTS__TOTAL="12MB",
        CONSUMER_ATTACHMENTS__EACH="9MB",
        CONSUMER_ATTACHMENTS__MEMORY="150MB",
    )
    origins = [
        await stage.ask(mail(attachments=[f"{hosts.url}/files/large"]), f"large-{number}") for number in range(AT_ONCE)
    ]
    for number in range(3):
        told = await stage.asked(mail(attachments=[f"{hosts.url}/files/small"]), f"small-{number}", tenant="other")
        assert told.status == 204
    assert [(await stage.outcomes.of(origin)).status for origin in origins] == [204] * AT_ONCE
    assert service.megabytes() - before < 150 + ROOM
