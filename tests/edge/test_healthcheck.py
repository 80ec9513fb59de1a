"""`consumer healthcheck`, beside a process that is well, not ready, silent, or not there."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from consumer.__main__ import main
from consumer.adapters.http import serve
from consumer.adapters.metrics import Metrics

Said = pytest.CaptureFixture[str]
Asked = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Asked:
    """Runs the command against a port; its exit code and what it said on stdout and stderr."""
    monkeypatch.setenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", "kafka.example:9092")

    async def asked(port: int, *options: str, host: str = "127.0.0.1") -> tuple[int, str, str]:
        monkeypatch.setenv("CONSUMER_HTTP__PORT", str(port))
        monkeypatch.setenv("CONSUMER_HTTP__HOST", host)
        code = await asyncio.to_thread(main, ["healthcheck", *options])
        said = capsys.readouterr()
        return code, said.out.strip(), said.err.strip()

    return asked


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """A server that says just that, or takes the connection and says nothing."""
    over = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        over.set()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
async def test_a_process_whose_loop_turns_is_well_whatever_it_waits_for(ask: Asked, host: str) -> None:
    async with serve(host, 0, ready=lambda: {"assigned": False}, registry=Metrics().registry) as port:
        assert await ask(port, host=host) == (0, "OK", "")


async def test_asked_for_readiness_it_names_what_is_missing(ask: Asked) -> None:
    async with serve("127.0.0.1", 0, ready=lambda: {"assigned": False}, registry=Metrics().registry) as port:
        assert await ask(port, "--ready") == (1, '{"ready":false,"checks":{"assigned":false}}', "")


async def test_a_port_where_nobody_listens_is_not_well(ask: Asked) -> None:
    async with answering(b"") as port:
        pass
    code, out, err = await ask(port)
    assert (code, out) == (1, "")
    assert err.startswith(f"nobody answers on port {port}: ")


async def test_a_process_that_says_nothing_is_not_waited_for_long(ask: Asked) -> None:
    async with answering(None) as port:
        assert await ask(port, "--within", "0.2") == (1, "", f"no answer from port {port} within 0.2 s")


@pytest.mark.parametrize("answer", [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 x y\r\n\r\n", b"\xff" * 100_000])
async def test_what_is_no_http_is_not_well(ask: Asked, answer: bytes) -> None:
    async with answering(answer) as port:
        assert await ask(port) == (1, "", "what answers there does not speak HTTP")


async def test_a_port_that_nobody_can_know_is_a_wrong_setting(ask: Asked) -> None:
    code, _, err = await ask(0)
    assert code == 78
    assert err.startswith("CONSUMER_HTTP__PORT is 0")


def test_it_imports_neither_kafkas_client_nor_what_other_commands_need() -> None:
    heavy = "[name for name in ('aiokafka', 'aiohttp', 'typer', 'jsonschema_rs') if name in sys.modules]"
    program = (
        f"import sys; from consumer.__main__ import main; main(['healthcheck', '--ready']); sys.exit({heavy} or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
