"""The demo's relay, as a process of its own: STARTTLS, AUTH, a file for each mail, and one mailbox that is not there.

SIGUSR1 breaks it: nobody is listened to any more. SIGUSR2 mends it.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from devtools.certificates import write_certificates
from devtools.relay import Relay
from devtools.relay_script import Folder, Journal, Manner, Say

USER, PASSWORD = "demo", "only-for-the-demo"
SEED_2_USER, SEED_2_PASSWORD = "me", "mysecret"
SEED_2_HOST = "smtp.myemail.com"
NOBODY = "nobody@example.com"

_USERS = {USER: PASSWORD, SEED_2_USER: SEED_2_PASSWORD}
_NOT_THERE = {f"rcpt:{NOBODY}": Say("550 5.1.1 there is no such mailbox")}


async def _main(folder: Path) -> None:
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    certificates = write_certificates(folder / "certificates", also_for=(SEED_2_HOST,))
    keepers = (Journal(folder / "mails.jsonl"), Folder(folder / "mails"))
    relay = Relay(Manner(users=_USERS), _NOT_THERE, certificates=certificates, keepers=keepers, remember=False)
    await relay.listen()
    sys.stdout.write(f"listening on 127.0.0.1:{relay.port}\n")
    sys.stdout.flush()
    async with asyncio.TaskGroup() as tasks:
        moods = tasks.create_task(_follow_moods(relay))
        await asked_to_stop.wait()
        moods.cancel()
    await relay.close()


async def _follow_moods(relay: Relay) -> None:
    """Break and mend it, as the signals say, on the same port."""
    moods: asyncio.Queue[bool] = asyncio.Queue()
    for number, listening in ((signal.SIGUSR1, False), (signal.SIGUSR2, True)):
        asyncio.get_running_loop().add_signal_handler(number, moods.put_nowait, listening)
    port, listens = relay.port, True
    while True:
        wanted = await moods.get()
        if listens and not wanted:
            await relay.close()
        elif wanted and not listens:
            await relay.listen(port=port)
        listens = wanted


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    asyncio.run(_main(arguments.parse_args().folder))
