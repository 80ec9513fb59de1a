"""What SMTP costs without the rest: `python -m benchmarks.mails [--mails N] [--connections C]`.

No Kafka: ready mails, several hundred under way at once, go through the transport as it is to a sink in a process of its
own. Leave to send is given to all who wait every few milliseconds, as ticks give it. CPU is that of this process, of
the best and the middle round.
"""

import argparse
import asyncio
import gc
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import events, loops, sink
from consumer.adapters.clock import SystemClock
from consumer.adapters.smtp import PoolLimits, SmtpOptions, SmtpTransport
from consumer.core.attempt import Answered
from consumer.core.mail import Address, Mail
from consumer.core.tenant import Relay, Scheme

_CLOCK = SystemClock()
_EVERY = 0.01
_LIFETIME = 5.0
_UNDER_WAY = 300
_HEAD = b"Message-ID: %s\r\nSubject: Your order\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


class Ticks:
    """Gives leave, to all at once."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[float | None]] = []

    def permit(self) -> asyncio.Future[float | None]:
        turn: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        return turn

    async def tick(self) -> None:
        while True:
            began = _CLOCK.elapsed()
            await asyncio.sleep(_EVERY)
            waiting, self._waiting = self._waiting, []
            for turn in waiting:
                turn.set_result(began + _LIFETIME)


def _mail(number: int) -> Mail:
    message_id = f"<{number}@acme.example>"
    text = str(events.request(number)["html"]).replace("\n", "\r\n")
    content = _HEAD % message_id.encode() + text.encode()
    tenant = events.TENANTS[number % len(events.TENANTS)]
    return Mail(
        Address("no-reply@acme.example"),
        (Address(f"reader-{number}@example.com"),),
        content,
        message_id,
        eight_bit=True,
        lane=tenant,
    )


async def _measure(port: int, mails: int, connections: int, rounds: int) -> None:
    limits = PoolLimits(connections=connections, messages=1000)
    transport = SmtpTransport(_CLOCK, SmtpOptions(limits=limits, allow_plaintext=True), on_stages=lambda *_: None)
    relay, ticks, seconds, walls = Relay("127.0.0.1", port, Scheme.PLAIN), Ticks(), list[float](), list[float]()
    async with asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(ticks.tick())
        for number in range(rounds + 1):
            ready = [_mail(one) for one in range(mails)]
            cpu, wall = time.process_time(), time.perf_counter()
            await _sent(transport, relay, ticks, ready)
            if number:  # the first one opens the connections
                seconds.append((time.process_time() - cpu) / mails * 1e6)
                walls.append(mails / (time.perf_counter() - wall))
        ticking.cancel()
    await transport.aclose()
    print(f"{min(seconds):.0f} us of CPU a mail, {median(seconds):.0f} in the middle; {max(walls):,.0f} mails/s")


async def _sent(transport: SmtpTransport, relay: Relay, ticks: Ticks, mails: list[Mail]) -> None:
    left: Iterator[Mail] = iter(mails)

    async def send_on() -> None:
        for mail in left:
            attempt = await transport.send(mail, relay, ticks.permit)
            if not isinstance(attempt, Answered):
                raise SystemExit(f"a mail was not taken: {attempt}")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_UNDER_WAY):
            tasks.create_task(send_on())


@contextmanager
def _sink() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    process = subprocess.Popen(sink.command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
            else:
                break
        yield port
    finally:
        process.kill()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mails", description=__doc__)
    parser.add_argument("--mails", type=int, default=3_000)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as the consumer has it
    with _sink() as port:
        loops.run(_measure(port, given.mails, given.connections, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
