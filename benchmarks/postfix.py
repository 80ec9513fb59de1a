"""A real Postfix as a relay, until SIGTERM: `python -m benchmarks.postfix PORT`.

It takes mail from this machine without a login, over plain text, and writes each to its queue; then it is discarded, for
what is measured ends where the relay has taken the mail. It does not slow down who is faster than its queue.
"""

import argparse
import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.relays import free_port
from devtools.certificates import write_certificates
from devtools.mta import Place
from devtools.mta.postfix import Postfix

_OTHERS = {
    "mynetworks": "127.0.0.0/8",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_tls_security_level": "none",
    "smtpd_sasl_auth_enable": "no",
    "virtual_transport": "discard:",
    "in_flow_delay": "0",
    "default_process_limit": "200",
}


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        place = _place(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="postfix-"))), port)
        child = await Postfix(_OTHERS).start(place, stack)
        stack.callback(child.stop, 10)
        await stop.wait()


def _place(folder: Path, port: int) -> Place:
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    # Nobody uses the second port: tests want it.
    return Place(folder, port, free_port(), write_certificates(folder / "certificates"), ())


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.postfix", description=__doc__)
    parser.add_argument("port", type=int)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    _main()
