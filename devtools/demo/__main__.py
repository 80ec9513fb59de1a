"""A real Kafka, the consumer and a relay on this machine: requests become mails and outcomes, in front of your eyes.

Everything is stopped at the end and after Ctrl-C; mails and logs stay in the folder. The exit code is 0 if each
request had the outcome that it must have.
"""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devtools.broker import NoKafkaError, kafka, prepare
from devtools.demo import show
from devtools.demo.asks import asks
from devtools.demo.exchange import Row, exchange
from devtools.demo.relay import PASSWORD, USER
from devtools.demo.scene import PARKED, BrokenDemoError, Metrics, Scene, clear
from devtools.demo.show import Show, envelopes

_FOLDER = Path(__file__).parents[2] / ".cache" / "demo"
_HEALTH = ("/healthz", "/readyz", "/api/v1/solution/health")


def main() -> None:
    """Run it; Ctrl-C and SIGTERM end it in order."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell that starts it in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    for name in [name for name in os.environ if name.startswith("CONSUMER_")]:
        del os.environ[name]  # they are meant for another consumer
    arguments = _arguments()
    view = Show(show.console())
    try:
        with _alone(arguments.folder):
            right = _run(view, arguments.folder, keep=arguments.keep)
    except (NoKafkaError, BrokenDemoError) as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        view.say("\nStopped.", "dim")
        sys.exit(130)
    sys.exit(0 if right else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devtools.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="go on until Ctrl-C, to play with")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="where mails, logs and settings are put")
    return parser.parse_args()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo a folder at a time: the next would take its files away."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BrokenDemoError(f"Another demo uses {folder}; end it, or name another --folder") from None
        clear(folder)
        yield


def _run(view: Show, folder: Path, *, keep: bool) -> bool:
    began = time.monotonic()
    with ExitStack() as stack:
        scene = _set_up(view, stack, folder.resolve())
        rows = [Row(ask) for ask in asks(scene.files)]
        before = scene.metrics()
        view.heading("Requests and their outcomes")
        meanwhile = asyncio.run(_exchanged(view, scene, rows))
        _look(view, scene, before, meanwhile)
        if keep:
            _play(view, scene)
        view.say()
        with view.step("Stopping everything"):
            stack.close()
    right = all(row.right for row in rows)
    _farewell(view, folder, began, right=right)
    return right


def _set_up(view: Show, stack: ExitStack, folder: Path) -> Scene:
    view.heading("Starting")
    given = "KAFKA_BOOTSTRAP_SERVERS" in os.environ
    if not given:
        prepare()  # it says itself what it downloads
    with view.step("Kafka") as step:
        scene = Scene.on(folder, stack.enter_context(kafka()), shared=given)
        stack.callback(scene.close)
        step.found = f"{scene.bootstrap}, {'as KAFKA_BOOTSTRAP_SERVERS says' if given else 'for this run only'}"
    with view.step("Relay, with STARTTLS and AUTH") as step:
        scene.start_relay()
        scene.write_settings()
        step.found = f"127.0.0.1:{scene.relay_port}, certificate by an authority of its own"
    with view.step("Web server, with a file") as step:
        scene.start_files()
        step.found = f"{scene.files}/plan.txt"
    with view.step("consumer topics create") as step:
        first, *others = scene.make_topics()
        step.found = f"{first} and {len(others)} others"
    with view.step("consumer run") as step:
        scene.start_consumer()
        step.found = f"http://127.0.0.1:{scene.http_port}"
    return scene


async def _exchanged(view: Show, scene: Scene, rows: list[Row]) -> Metrics:
    """All outcomes are there; the metrics of the moment when a request waited."""
    meanwhile: list[Metrics] = []
    with view.live() as live:

        async def changed() -> None:
            metrics = await asyncio.to_thread(scene.metrics)
            parked = metrics.get(PARKED, 0) > 0
            if parked and not meanwhile:
                meanwhile.append(metrics)
            live.update(show.outcomes(rows, "parked: waits for its slot" if parked else "under way"))

        await exchange(scene, rows, changed)
    return meanwhile[0] if meanwhile else {}


def _look(view: Show, scene: Scene, before: Metrics, meanwhile: Metrics) -> None:
    view.heading("The mails as they arrived", str(_short(scene.mails)))
    view.mails(scene.mails, envelopes(scene.folder / "mails.jsonl"), in_full=2)
    after = scene.settled_metrics()
    view.heading("Health")
    view.health({path: scene.get(path) for path in _HEALTH})
    view.heading("Metrics that moved", f"http://127.0.0.1:{scene.http_port}/metrics")
    view.metrics(before, meanwhile, after)


def _play(view: Show, scene: Scene) -> None:
    """Until Ctrl-C, or until the consumer ends."""
    program = _short(Path(sys.executable)).parent / "consumer"
    view.heading("It goes on until Ctrl-C")
    view.say(f"Kafka  {scene.bootstrap}\npage   http://127.0.0.1:{scene.http_port}/ and metrics at /metrics")
    view.say(f"relay  127.0.0.1:{scene.relay_port} (user {USER}, password {PASSWORD})\n")
    view.say("In another terminal, from here:", "dim")
    view.say(f"  . {_short(scene.folder / 'environment')}")
    view.say(f"  {program} send --tenant demo --to ann@example.com --subject Hello --text World --wait 10")
    view.say(f"  {program} outcomes --follow")
    view.say("Break the relay, and mend it (what waits meanwhile: `consumer parked list`, and the page):", "dim")
    view.say("  kill -USR1 $DEMO_RELAY\n  kill -USR2 $DEMO_RELAY")
    try:
        while scene.consumer and not scene.consumer.wait(3600):
            pass
    except KeyboardInterrupt:
        return


def _farewell(view: Show, folder: Path, began: float, *, right: bool) -> None:
    seconds = time.monotonic() - began
    if right:
        view.say(f"\nEach request had the outcome that it must have. {seconds:.0f} s in all.", "green")
    else:
        view.say("\nNot each request had the outcome that it must have.", "bold red")
    view.say(f"Mails, logs and settings stay in {_short(folder)}.", "dim")


def _short(path: Path) -> Path:
    """From here, where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
