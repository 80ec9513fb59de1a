"""The live page in headless Chromium: its own policy lets its script in, and it brings itself up to date."""

import asyncio
import re
import shutil
from itertools import count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumer.adapters import page
from consumer.adapters.http import serve
from consumer.core.overview import Overview, PartitionNow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHOUT_SCRIPT = re.sub(r"script-src [^;]*", "script-src 'none'", page.POLICY)

pytestmark = [
    pytest.mark.first_day,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)"),
    pytest.mark.timeout(90),
]


async def looked_at(profile: Path, policy: str) -> tuple[str, int, str]:
    """The page after nine seconds, how often it was asked for, and what the browser said."""
    looks = count(1)
    seen = 0

    def show() -> str:
        nonlocal seen
        seen = next(looks)
        row = PartitionNow(0, open=True, position=seen, lag=0, under_way=0, intents=0, parked=0)
        return page.render(Overview(1_700_000_000.0, {"assigned": True}, (row,)), title="x")

    async with serve("127.0.0.1", 0, ready=dict, registry=CollectorRegistry(), page=show, policy=policy) as port:
        browser = await asyncio.create_subprocess_exec(
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}",
            "--enable-logging=stderr", "--virtual-time-budget=9000", "--dump-dom", f"http://127.0.0.1:{port}/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            markup, said = await asyncio.wait_for(browser.communicate(), 60)
        finally:
            if browser.returncode is None:
                browser.kill()
    return markup.decode(), seen, said.decode()


def position(markup: str) -> int:
    """What the row of the partition says."""
    (cells,) = re.findall(r"<tr>(<td>0</td>.*?)</tr>", markup)
    return int(re.findall(r"<td>(.*?)</td>", cells)[2])


async def test_the_page_brings_itself_up_to_date(tmp_path: Path) -> None:
    markup, _, said = await looked_at(tmp_path, page.POLICY)
    assert position(markup) > 1, "it stands as it was served"
    assert ">no answer<" not in markup
    assert "Content Security Policy" not in said


async def test_without_javascript_it_shows_the_same_as_it_was_served(tmp_path: Path) -> None:
    markup, seen, said = await looked_at(tmp_path, WITHOUT_SCRIPT)
    assert "Content Security Policy" in said  # its script was not let in
    assert (position(markup), seen) == (1, 1)
    assert ">ready<" in markup
