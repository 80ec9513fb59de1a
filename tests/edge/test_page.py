"""The live page: what people see, and that nothing of a tenants file or a topic can do anything in it."""

from dataclasses import replace
from html.parser import HTMLParser

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from consumer.adapters import page
from consumer.adapters.http import serve
from consumer.adapters.metrics.hour import Hour
from consumer.core.overview import CircuitNow, Overview, PartitionNow, Waiting, WindowNow, WorkerNow
from consumer.core.parking import Reason

NOW = 1_700_000_000.0


class Cells(HTMLParser):
    """The text of each element that is one."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(markup)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def full_view(tenant: str = "acme") -> Overview:
    return Overview(
        NOW,
        {"assigned": True, "restored": True},
        (PartitionNow(1, open=True, position=12_345, lag=7, under_way=3, intents=2, parked=40),),
        (Waiting(tenant, Reason.WINDOW, 40, NOW + 90),),
        (WindowNow(tenant, 10, 10, 3600.0, "messages"),),
        (CircuitNow("smtp.example.com:587", "bad-credentials", NOW + 30),),
        ({"accepted": 5, "unknown": 1}, {"accepted": 2}),
    )


def test_everything_that_stands_is_told() -> None:
    texts = Cells(page.render(full_view(), title="email-consumer")).texts
    for text in ("ready", "acme", "window", "40", "in 1.5 min", "12,345", "10 messages", "1 h", "bad-credentials", "8"):
        assert text in texts


def test_several_workers_are_told_each() -> None:
    workers = (WorkerNow(1, "at work", 4711, 0, (4, 0)), WorkerNow(2, "starting", None, 3))
    texts = Cells(page.render(replace(full_view(), workers=workers), title="x")).texts
    for text in ("Workers", "at work", "4711", "0, 4", "starting", "3"):
        assert text in texts
    assert "Workers" not in Cells(page.render(full_view(), title="x")).texts


def test_what_is_missing_for_readiness_is_named() -> None:
    texts = Cells(page.render(Overview(NOW, {"assigned": True, "restored": False}), title="x")).texts
    assert "not ready: restored" in texts
    assert texts.count("none") == 5


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>"])
def test_a_tenants_name_is_text_and_nothing_else(name: str) -> None:
    plain, odd = (Cells(page.render(full_view(tenant), title="x")) for tenant in ("acme", name))
    assert odd.tags == plain.tags
    assert name in odd.texts


def test_tenants_beyond_what_fits_are_counted() -> None:
    view = Overview(NOW, {}, waiting=tuple(Waiting(f"t{n:03}", Reason.RETRY, n + 1, None) for n in range(60)))
    texts = Cells(page.render(view, title="x")).texts
    assert "and 10 more" in texts
    assert "t059" in texts
    assert "t000" not in texts


async def test_the_page_is_served_with_a_policy_that_lets_nothing_else_in() -> None:
    show = lambda: page.render(full_view(), title="x")  # noqa: E731
    async with (
        serve("127.0.0.1", 0, ready=dict, registry=CollectorRegistry(), page=show, policy=page.POLICY) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/") as answer,
    ):
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        markup = await answer.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in markup.replace("http://www.w3.org", "")
    assert "https://" not in markup


def test_the_hour_is_what_the_counters_went_up_by_in_each_minute() -> None:
    hour = Hour()
    hour.sample(30.0, {"accepted": 0, "unknown": 0})
    hour.sample(59.0, {"accepted": 5, "unknown": 0})
    hour.sample(61.0, {"accepted": 5, "unknown": 2})
    hour.sample(245.0, {"accepted": 6, "unknown": 2})
    assert hour.minutes() == ({"accepted": 5}, {"unknown": 2}, {}, {}, {"accepted": 1})


def test_the_hour_forgets_what_is_older() -> None:
    hour = Hour()
    hour.sample(0.0, {"accepted": 9})
    hour.sample(86_400.0, {"accepted": 9})
    assert hour.minutes() == ({},) * 60
