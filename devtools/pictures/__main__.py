"""Takes the pictures of README anew: a Kafka, a consumer, the HTTP API and a Prometheus at work for some minutes.

    python -m devtools.pictures --minutes 6

Needs Chromium, and what `make demo` needs.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from devtools.broker import kafka, prepare
from devtools.child import Child
from devtools.dashboard.answers import Span, answers
from devtools.demo.scene import BrokenDemoError, Scene, clear
from devtools.pictures import board
from devtools.pictures.load import TENANTS, work
from devtools.prometheus import prometheus

_INTO = Path(__file__).parents[2] / "docs" / "pictures"
_PAGE_SIZE = (1000, 1210)
_DOWN_TO = "Kafka"  # what is below would make a picture that nobody can read in README
_EVERY = 5
_WITHIN = 60.0


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m devtools.pictures", description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("--minutes", type=float, default=6.0, help="how long the consumer works (default: 6)")
    given = arguments.parse_args()
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("There is no Chromium here (Debian: apt install chromium)")
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        _take(browser, Path(folder), given.minutes * 60)


def _take(browser: str, folder: Path, seconds: float) -> None:
    with ExitStack() as stack:
        scene = Scene.on(folder / "demo", stack.enter_context(kafka()), shared=False)
        stack.callback(scene.close)
        _set_up(scene)
        api, beside = _ingress(stack, scene, folder / "ingress.log")
        jobs = {"email-consumer": f"127.0.0.1:{scene.http_port}", "email-http-api": beside}
        source = stack.enter_context(prometheus(folder / "prometheus", jobs, every=f"{_EVERY}s"))
        began = time.time()
        asyncio.run(work(scene, f"http://{api}", seconds))
        _photograph(browser, f"http://127.0.0.1:{scene.http_port}/", _INTO / "page.png", _PAGE_SIZE)
        span = Span(began, time.time(), _EVERY, 4 * _EVERY)
        file = folder / "dashboard.html"
        file.write_text(board.page(list(answers(source, span)), span))
        _photograph(browser, file.as_uri(), _INTO / "dashboard.png", (board.WIDTH, board.height(_DOWN_TO)))


def _set_up(scene: Scene) -> None:
    clear(scene.folder)
    scene.start_relay()
    scene.write_settings()
    with (scene.folder / "tenants.yaml").open("a") as file:
        file.write(TENANTS)
    scene.start_files()
    scene.make_topics()
    scene.start_consumer()


def _ingress(stack: ExitStack, scene: Scene, log: Path) -> tuple[str, str]:
    """Where calls go, and where its metrics are."""
    environment = {**scene.settings, "CONSUMER_INGRESS__PORT": "0"}
    child = Child.start([sys.executable, "-m", "consumer", "ingress"], log=log, environment=environment)
    stack.callback(child.stop, 10)
    deadline = time.monotonic() + _WITHIN
    while "taking calls" not in log.read_text():
        if child.wait(0.1) or time.monotonic() > deadline:
            raise BrokenDemoError(f"The HTTP API did not come up:\n{child.tail}")
    told = {line["event"]: line.get("address", "") for line in map(json.loads, log.read_text().splitlines())}
    return told["taking calls"], told["listening"]


def _photograph(browser: str, address: str, into: Path, size: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as profile:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        flags += [f"--window-size={size[0]},{size[1]}", f"--screenshot={into}", address]
        subprocess.run([browser, *flags], check=True, capture_output=True, timeout=_WITHIN)


if __name__ == "__main__":
    main()
