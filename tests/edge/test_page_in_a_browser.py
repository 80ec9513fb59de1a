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


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)")
@pytest.mark.timeout(90)
async def test_the_page_brings_itself_up_to_date(tmp_path: Path) -> None:
    looks = count(1)

    def show() -> str:
        row = PartitionNow(0, open=True, position=next(looks), lag=0, under_way=0, intents=0, parked=0)
        return page.render(Overview(1_700_000_000.0, {"assigned": True}, (row,)), title="x")

    async with serve("127.0.0.1", 0, ready=dict, registry=CollectorRegistry(), page=show, policy=page.POLICY) as port:
        browser = await asyncio.create_subprocess_exec(
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=9000", "--dump-dom", f"http://127.0.0.1:{port}/",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            markup, said = await asyncio.wait_for(browser.communicate(), 60)
        finally:
            if browser.returncode is None:
                browser.kill()
    assert b"Content Security Policy" not in said
    (cells,) = re.findall(r"<tr>(<td>0</td>.*?)</tr>", markup.decode())
    assert int(re.findall(r"<td>(.*?)</td>", cells)[2]) > 1, "it stands as it was served"
    assert ">no answer<" not in markup.decode()
