"""config-api: changed, away, slow, broken and back; and asked no more often than need be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog.testing
from aiohttp import web

from consumer.adapters.config_api import LARGEST_ANSWER, MOST_ABSENT, Access, ConfigApi, Patience, State
from consumer.adapters.memory import SetClock
from consumer.core.tenant import Relay, Tenant, Unavailable, UnknownTenant
from devtools.stand_ins import Answer, StandIns

AWAY = Unavailable("config")
ENTRY = {"smtp_host": "smtp.acme.example", "domain": "acme.example"}
ACME = Tenant("acme", Relay("smtp.acme.example", 587), domain="acme.example")
ASKED = "GET /tenants/acme/email"


class Stage:
    """A config-api with one tenant, who asks it, and the time that passes."""

    def __init__(self, there: StandIns, entries: dict[str, Any], patience: Patience, access: Access) -> None:
        self.there = there
        self.entries = entries
        self.clock = SetClock()
        self.states: list[State] = []
        self.tenants = ConfigApi(there.url, self.clock, patience, access=access, on_change=self.states.append)

    async def acme(self, *, after: float = 0.0) -> Tenant | UnknownTenant | Unavailable:
        self.clock.pass_by(after)
        return await self.tenants.get("acme")


@asynccontextmanager
async def stage(patience: Patience | None = None, access: Access | None = None) -> AsyncIterator[Stage]:
    entries: dict[str, Any] = {"acme": dict(ENTRY)}
    async with StandIns(tenants=entries) as there:
        on = Stage(there, entries, patience or Patience(), access or Access())
        try:
            yield on
        finally:
            await on.tenants.aclose()


def answering(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answer


async def test_an_answer_holds_for_thirty_seconds() -> None:
    async with stage() as on:
        assert await on.acme() == ACME
        assert await on.acme(after=29) == ACME
        assert on.there.asked == [ASKED]
        on.entries["acme"]["hLimit"] = 5
        changed = await on.acme(after=2)
        assert isinstance(changed, Tenant)
        assert changed.h_limit == 5


async def test_what_has_not_changed_is_not_sent_again() -> None:
    async with stage() as on:
        await on.acme()
        seen: list[str | None] = []

        async def unchanged(request: web.Request) -> web.Response:
            seen.append(request.headers.get("If-None-Match"))
            return web.Response(status=304)

        on.there.instead = unchanged
        assert await on.acme(after=31) == ACME
        assert await on.acme(after=29) == ACME
        assert len(seen) == 1
        assert seen[0]


async def test_the_stand_in_says_unchanged_itself() -> None:
    async with stage() as on:
        await on.acme()
        assert await on.acme(after=31) == ACME
        assert on.there.asked == [ASKED, ASKED]
        assert on.tenants.state == State(tenants=1)


async def test_changed_credentials_are_another_relay() -> None:
    async with stage() as on:
        on.entries["acme"] |= {"smtp_user": "me", "smtp_pass": "old"}
        before = await on.acme()
        on.entries["acme"]["smtp_pass"] = "new"
        after = await on.acme(after=31)
        assert isinstance(before, Tenant)
        assert isinstance(after, Tenant)
        assert before.relay != after.relay


async def test_who_is_unknown_is_asked_for_again_after_five_seconds() -> None:
    async with stage() as on:
        entry = on.entries.pop("acme")
        assert await on.acme() == UnknownTenant("acme")
        assert await on.acme(after=4) == UnknownTenant("acme")
        assert on.there.asked == [ASKED]
        on.entries["acme"] = entry
        assert await on.acme(after=2) == ACME


async def test_a_tenant_that_was_removed_is_unknown() -> None:
    async with stage() as on:
        await on.acme()
        del on.entries["acme"]
        assert await on.acme(after=31) == UnknownTenant("acme")
        assert on.tenants.state == State()


NO_ANSWERS = {
    "500": answering(status=500),
    "503": answering(status=503),
    "401": answering(status=401),
    "403": answering(status=403),
    "429": answering(status=429),
    "204": answering(status=204),
    "302": answering(status=302, Location="/elsewhere"),
}

BROKEN_ANSWERS = {
    "empty": answering(),
    "html": answering(b"<html>c4n4ry</html>"),
    "list": answering(b"[]"),
    "null": answering(b"null"),
    "wrong": answering(b'{"smtp_host": 5, "smtp_pass": "c4n4ry\\n", "c4n4ry": "c4n4ry"}'),
    "nothing": answering(b"{}"),
    "plain": answering(b'{"smtp_host": "h", "domain": "d.example", "smtp_scheme": "plain"}'),
    "file": answering(b'{"smtp_host": "h", "domain": "d.example", "smtp_user": "u", "smtp_pass_file": "/etc/passwd"}'),
    "deep": answering(b"[" * 100_000),
    "huge": answering(b'{"smtp_host": "' + b"x" * LARGEST_ANSWER + b'"}'),
}


@pytest.mark.parametrize("answer", (NO_ANSWERS | BROKEN_ANSWERS).values(), ids=(NO_ANSWERS | BROKEN_ANSWERS).keys())
async def test_without_a_usable_answer_the_last_one_stays_in_force(answer: Answer) -> None:
    async with stage() as on:
        await on.acme()
        on.there.instead = answer
        assert await on.acme(after=31) == ACME
        assert on.tenants.state.stale == 1
        assert await on.acme(after=29) == ACME
        assert len(on.there.asked) == 2
        on.there.instead = None
        assert await on.acme(after=2) == ACME
        assert on.tenants.state == State(tenants=1)


@pytest.mark.parametrize("answer", (NO_ANSWERS | BROKEN_ANSWERS).values(), ids=(NO_ANSWERS | BROKEN_ANSWERS).keys())
async def test_who_was_never_known_waits_for_a_usable_answer(answer: Answer) -> None:
    async with stage() as on:
        on.there.instead = answer
        assert await on.acme() == AWAY
        assert await on.acme(after=4) == AWAY
        assert len(on.there.asked) == 1
        on.there.instead = None
        assert await on.acme(after=2) == ACME


async def test_a_config_api_that_is_gone_is_told_once_and_served_stale_for_days() -> None:
    async with stage() as on:
        await on.acme()
        await on.there.close()
        with structlog.testing.capture_logs() as logs:
            for _ in range(5):
                assert await on.acme(after=86_400) == ACME
            assert await on.tenants.get("other") == AWAY
        assert [line["event"] for line in logs] == ["config-api is away, what is known stays in force"]
        assert on.tenants.state == State(tenants=1, stale=1, reachable=False)
        with structlog.testing.capture_logs() as logs:
            await on.there.listen(port=on.there.port)
            assert await on.acme(after=31) == ACME
        assert [line["event"] for line in logs] == ["config-api is back"]
        assert on.states == [State(1), State(1, 1, reachable=False), State(1)]


async def test_a_config_api_that_hangs_is_waited_for_no_longer_than_its_time() -> None:
    over = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with stage(Patience(total=0.2)) as on:
        on.there.instead = never
        assert await on.acme() == AWAY
        over.set()


async def test_many_who_ask_for_one_tenant_at_once_make_one_request() -> None:
    async with stage() as on, asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(on.acme()) for _ in range(50)]
        await asyncio.wait(found)
        assert {task.result() for task in found} == {ACME}
        assert on.there.asked == [ASKED]


async def test_many_who_ask_in_vain_make_one_request() -> None:
    async with stage() as on, asyncio.TaskGroup() as tasks:
        on.there.instead = answering(status=503)
        found = [tasks.create_task(on.acme()) for _ in range(50)]
        await asyncio.wait(found)
        assert {task.result() for task in found} == {AWAY}
        assert on.there.asked == [ASKED]


async def test_one_tenant_that_is_slow_to_come_does_not_hold_up_another() -> None:
    over = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.match_info["tenant"] == "acme":
            await over.wait()
        return web.json_response(ENTRY)

    async with stage() as on, asyncio.TaskGroup() as tasks:
        on.there.instead = slow
        waiting = tasks.create_task(on.acme())
        assert isinstance(await on.tenants.get("other"), Tenant)
        assert not waiting.done()
        over.set()
        assert await waiting == ACME


async def test_who_asks_and_is_cancelled_leaves_it_to_the_next() -> None:
    asked, over = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.json_response(ENTRY)

    async with stage() as on, asyncio.TaskGroup() as tasks:
        on.there.instead = slow
        first, second = tasks.create_task(on.acme()), tasks.create_task(on.acme())
        await asked.wait()
        first.cancel()
        over.set()
        assert await second == ACME


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/b", "/tenants/a%2Fb/email"),
        ("../a", "/tenants/..%2Fa/email"),
        ("a?b=c#d", "/tenants/a%3Fb%3Dc%23d/email"),
        ("100%", "/tenants/100%25/email"),
        ("müller", "/tenants/m%C3%BCller/email"),
    ],
)
async def test_a_name_stays_one_step_of_the_path(name: str, path: str) -> None:
    async with stage() as on:
        await on.tenants.get(name)
        assert on.there.asked == [f"GET {path}"]


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "\x00", "\r\nX: y", "a" * 129, "\ud800"])
async def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    async with stage() as on:
        assert await on.tenants.get(name) == UnknownTenant(name)
        assert on.there.asked == []


async def test_names_that_are_made_up_push_nobody_out() -> None:
    async with stage() as on:
        await on.acme()
        on.there.instead = answering(status=404)
        memory = on.tenants._memory  # noqa: SLF001  ten thousand requests would take too long
        for number in range(2 * MOST_ABSENT):
            memory.learn(f"t{number}", UnknownTenant(f"t{number}"), on.clock.elapsed())
        assert len(memory._absent) == MOST_ABSENT  # noqa: SLF001
        assert await on.acme() == ACME


async def test_a_bearer_token_is_shown_where_there_is_one_and_never_told() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response(ENTRY)

    access = Access(bearer="c4n4ry")
    async with stage(access=access) as on:
        on.there.instead = answer
        await on.acme()
        assert seen == ["Bearer c4n4ry"]
        assert "c4n4ry" not in repr(on.tenants) + repr(access)


@pytest.mark.parametrize("answer", BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS.keys())
async def test_a_broken_answer_is_told_by_place_and_rule_and_never_quoted(answer: Answer) -> None:
    async with stage() as on:
        on.there.instead = answer
        with structlog.testing.capture_logs() as logs:
            await on.acme()
        assert [line["event"] for line in logs] == ["config-api's answer cannot be used"]
        assert "c4n4ry" not in str(logs)
        assert "tenants.acme" in str(logs)


@pytest.mark.parametrize("etag", ['W/"ok"', "x" * 1000, "\udcff"])
async def test_no_etag_does_harm(etag: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(ENTRY, headers={"ETag": etag.encode("utf-8", "surrogateescape").decode("latin-1")})

    async with stage() as on:
        on.there.instead = answer
        assert await on.acme() == ACME
        assert await on.acme(after=31) == ACME
