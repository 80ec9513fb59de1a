"""`consumer healthcheck`: asks the process that runs beside it, for whoever starts and stops containers.

Docker asks every few seconds, so that nothing is imported here but the settings.
"""

import asyncio
import sys

from consumer.cli.exits import Exit
from consumer.cli.start import refuse
from consumer.settings import Http, Wrong, load

WITHIN = 3.0
"""Seconds for the whole answer."""

_ALIVE, _READY = "/healthz", "/readyz"
_LONGEST_ANSWER = 65_536
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  read, not listened on


def healthcheck(*, ready: bool = False, within: float = WITHIN) -> int:
    """Asks /healthz, or /readyz if `ready`; says what was answered. The exit code is 0 or 1, as Docker wants it."""
    settings = load(only_kafka=True)
    if isinstance(settings, Wrong):
        return refuse(settings.errors)
    if settings.http.port == 0:
        return refuse(("CONSUMER_HTTP__PORT is 0: which port was found free only the consumer's log tells",))
    status, said = asyncio.run(_ask(settings.http, _READY if ready else _ALIVE, within))
    print(said, file=sys.stdout if status else sys.stderr)
    return Exit.OK if status == 200 else Exit.OTHER


async def _ask(http: Http, path: str, within: float) -> tuple[int, str]:
    """Status and body; without an answer 0 and why."""
    try:
        async with asyncio.timeout(within):
            return _read(await _answer(_HERE.get(http.host, http.host), http.port, path))
    except TimeoutError:
        return 0, f"no answer from port {http.port} within {within:g} s"
    except OSError as error:
        return 0, f"nobody answers on port {http.port}: {error.strerror or type(error).__name__}"


async def _answer(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = b""
        while len(answer) < _LONGEST_ANSWER and (more := await reader.read(_LONGEST_ANSWER)):
            answer += more
        return answer
    finally:
        writer.close()


def _read(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not words[0].startswith(b"HTTP/") or len(words) < 2 or not words[1].isdigit():
        return 0, "what answers there does not speak HTTP"
    return int(words[1]), body.decode(errors="replace")
