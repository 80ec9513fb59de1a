"""Vaults that are away, slow, huge or confused; and the file, changed and broken."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing
from aiohttp import web

from consumer.adapters.vault_file import BrokenVaultFileError, VaultFile, read
from consumer.adapters.vault_http import LARGEST_ANSWER, VaultHttp, VaultPatience
from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from devtools.stand_ins import Answer, StandIns

ANN = "NS-EU-A-1"
AWAY = Unavailable("vault")


@asynccontextmanager
async def asking(
    there: StandIns, patience: VaultPatience | None = None, bearer: str | None = None
) -> AsyncIterator[VaultHttp]:
    vault = VaultHttp(there.url, patience, bearer=bearer)
    try:
        yield vault
    finally:
        await vault.aclose()


def answering(body: bytes, status: int = 200, **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answer


async def test_tokens_are_asked_for_in_batches_each_once() -> None:
    tokens = [f"NS-EU-M-{number}" for number in range(250)]
    async with StandIns(values={}) as there, asking(there) as vault:
        await vault.resolve([*tokens, *tokens])
        assert there.asked == ["POST /resolve"] * 3
        assert [len(body) for body in there.bodies] == [100, 100, 50]
        assert [token for body in there.bodies for token in body] == tokens


async def test_nothing_is_asked_for_where_there_is_no_token() -> None:
    async with StandIns() as there, asking(there) as vault:
        assert await vault.resolve([]) == Values({})
        assert there.asked == []


async def test_nothing_is_kept_from_one_mail_to_the_next() -> None:
    values = {ANN: "ann@example.com"}
    async with StandIns(values=values) as there, asking(there) as vault:
        assert await vault.resolve([ANN]) == Values({ANN: "ann@example.com"})
        values[ANN] = "ann@example.org"
        assert await vault.resolve([ANN]) == Values({ANN: "ann@example.org"})


async def test_a_bearer_token_is_shown_where_there_is_one() -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({})

    async with StandIns() as there:
        there.instead = answer
        async with asking(there) as vault:
            await vault.resolve([ANN])
        async with asking(there, bearer="secret") as vault:
            await vault.resolve([ANN])
    assert seen == [None, "Bearer secret"]


async def test_null_is_unknown_and_what_was_not_asked_for_is_ignored() -> None:
    async with StandIns() as there, asking(there) as vault:
        there.instead = answering(b'{"NS-EU-A-1": null, "NS-EU-B-1": 5}')
        assert await vault.resolve([ANN]) == Values({})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 500),
        (b"{}", 503),
        (b"{}", 401),
        (b"{}", 404),
        (b"{}", 429),
        (b"{}", 204),
        (b"{}", 302),
        (b"", 200),
        (b"<html>c4n4ry</html>", 200),
        (b"[]", 200),
        (b"null", 200),
        (b'{"NS-EU-A-1": 5}', 200),
        (b'{"NS-EU-A-1": ["c4n4ry"]}', 200),
        (b'{"NS-EU-A-1": "\xff"}', 200),
        (b"[" * 100_000, 200),
    ],
)
async def test_an_answer_that_is_none_is_a_vault_that_is_away(body: bytes, status: int) -> None:
    async with StandIns() as there, asking(there) as vault:
        there.instead = answering(b"" if status == 204 else body, status, Location="/elsewhere")
        assert await vault.resolve([ANN]) == AWAY
        assert there.asked == ["POST /resolve"]


async def test_an_answer_without_an_end_is_read_no_further_than_its_bound() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(LARGEST_ANSWER // 2**20 + 64):
            await response.write(bytes(2**20))
        return response

    async with StandIns() as there, asking(there) as vault:
        there.instead = endless
        assert await vault.resolve([ANN]) == AWAY


async def test_a_vault_that_hangs_is_waited_for_no_longer_than_its_time() -> None:
    hanging = asyncio.Event()

    async def never(_: web.Request) -> web.Response:
        await hanging.wait()
        return web.Response()

    async with StandIns() as there, asking(there, VaultPatience(total=0.2)) as vault:
        there.instead = never
        assert await vault.resolve([ANN]) == AWAY
        hanging.set()


async def test_a_vault_that_went_away_half_way_gives_nothing() -> None:
    answers = iter((200, 503))

    async def first_only(request: web.Request) -> web.Response:
        tokens = json.loads(await request.text())
        return web.json_response(dict.fromkeys(tokens, "value"), status=next(answers))

    async with StandIns() as there, asking(there) as vault:
        there.instead = first_only
        assert await vault.resolve([f"NS-EU-M-{number}" for number in range(150)]) == AWAY


async def test_a_vault_that_is_back_is_asked_again() -> None:
    async with StandIns(values={ANN: "ann@example.com"}) as there, asking(there) as vault:
        await there.close()
        assert await vault.resolve([ANN]) == AWAY
        await there.listen(port=there.port)
        assert await vault.resolve([ANN]) == Values({ANN: "ann@example.com"})


async def test_nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), structlog.testing.capture_logs() as logs:
        async with StandIns(values={ANN: "c4n4ry"}) as there, asking(there, bearer="c4n4ry") as vault:
            await vault.resolve([ANN])
            there.instead = answering(b'{"NS-EU-A-1": ["c4n4ry"]}')
            await vault.resolve([ANN])
    assert "c4n4ry" not in str([line.getMessage() for line in caplog.records]) + str(logs)


def write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


async def test_a_changed_file_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    write(path, f"{ANN}: ann@example.com")
    vault = VaultFile(path)
    assert await vault.resolve([ANN]) == Values({ANN: "ann@example.com"})
    write(path, f"{ANN}: ann@example.org")
    assert await vault.resolve([ANN]) == Values({ANN: "ann@example.org"})


async def test_a_broken_file_leaves_the_old_one_in_force_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    write(path, f"{ANN}: ann@example.com")
    vault = VaultFile(path)
    await vault.resolve([ANN])
    write(path, f"{ANN}: [c4n4ry]")
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await vault.resolve([ANN]) == Values({ANN: "ann@example.com"})
    assert [(line["log_level"], line["state"]) for line in logs] == [("error", "the old one in force")]
    assert "c4n4ry" not in str(logs)


async def test_a_file_that_was_never_right_is_a_vault_that_is_away(tmp_path: Path) -> None:
    vault = VaultFile(tmp_path / "values.yaml")
    assert await vault.resolve([ANN]) == AWAY
    write(tmp_path / "values.yaml", f"{ANN}: ann@example.com")
    assert await vault.resolve([ANN]) == Values({ANN: "ann@example.com"})


@pytest.mark.parametrize("text", ["", "{}", "# nothing\n"])
def test_an_empty_file_knows_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    assert read(path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "c4n4ry",
        "- c4n4ry",
        "a: {b: c4n4ry}",
        "a: [c4n4ry]",
        "a: &x c4n4ry\nb: *x",
        "a: c4n4ry\na: c4n4ry",
        "a: 'c4n4ry",
        "--- {a: c4n4ry}\n--- {b: c4n4ry}",
        "[" * 100_000,
        "\ufffe",
        "a: " + "x" * 5_000_000,
    ],
)
def test_a_file_that_is_no_mapping_of_texts_is_refused_and_never_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(BrokenVaultFileError) as raised:
        read(path)
    assert "c4n4ry" not in str(raised.value)
