"""What every host of attachments keeps to: on the web, and in memory."""

from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from ipaddress import ip_network

import pytest

from consumer.adapters.attachments import WebAttachments
from consumer.adapters.clock import SystemClock
from consumer.adapters.guard import Guard
from consumer.adapters.memory_contents import KnownFiles
from consumer.core.attachment import Fetched, Gone, NoRoom, Refusal, Refused, Wanted, fetched
from consumer.core.network import Borders
from consumer.ports import Attachments
from devtools.stand_ins import StandIns

PLAN = b"summer plan" * 100
Hosts = tuple[Attachments, Callable[[str], str]]


@pytest.fixture(params=["memory", "web"])
async def hosts(request: pytest.FixtureRequest) -> AsyncIterator[Hosts]:
    """The hosts, and the URL of a file by its name."""
    if request.param == "memory":
        yield KnownFiles({"https://files.example/plan.txt": PLAN}), lambda name: f"https://files.example/{name}"
        return
    async with StandIns(files={"plan.txt": PLAN}) as there:
        guard = Guard(Borders.of([ip_network("127.0.0.0/8")]))
        yield WebAttachments(SystemClock(), guard.connector), lambda name: f"{there.url}/files/{name}"


def plenty(_octets: int) -> bool:
    return True


async def test_a_file_that_is_there_comes_as_a_whole(hosts: Hosts) -> None:
    attachments, url = hosts
    file = await attachments.fetch(Wanted(url("plan.txt")), 10_000, plenty)
    assert file == fetched(PLAN, filename="plan.txt")


async def test_a_file_that_is_not_there_is_gone(hosts: Hosts) -> None:
    attachments, url = hosts
    assert await attachments.fetch(Wanted(url("other.txt")), 10_000, plenty) == Gone()


async def test_a_file_that_is_larger_than_the_room_is_refused(hosts: Hosts) -> None:
    attachments, url = hosts
    assert await attachments.fetch(Wanted(url("plan.txt")), 1_099, plenty) == Refused(Refusal.TOO_LARGE)
    assert isinstance(await attachments.fetch(Wanted(url("plan.txt")), 1_100, plenty), Fetched)


async def test_a_file_is_taken_only_if_it_is_the_one(hosts: Hosts) -> None:
    attachments, url = hosts
    same, other = sha256(PLAN).hexdigest(), sha256(b"winter plan").hexdigest()
    assert isinstance(await attachments.fetch(Wanted(url("plan.txt"), same), 10_000, plenty), Fetched)
    assert await attachments.fetch(Wanted(url("plan.txt"), other), 10_000, plenty) == Refused(Refusal.CHANGED)


async def test_a_file_without_memory_for_it_is_not_kept(hosts: Hosts) -> None:
    attachments, url = hosts
    assert await attachments.fetch(Wanted(url("plan.txt")), 10_000, lambda _: False) == NoRoom(1_100)
