"""Attachments on the way of a request: fetched for each attempt, the same each time, and told of by their place only."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from hashlib import sha256
from typing import Any, cast

from typing_extensions import override

from consumer.adapters.memory_contents import KnownFiles, KnownValues
from consumer.core.attachment import Caps, Gone, Refusal, Refused, fetched
from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.ending import Later
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Expired, Outcome, Unknown, Unresolvable
from consumer.core.parking import Reason
from consumer.core.reply import Reply
from consumer.core.tenant import Unavailable
from consumer.delivery import LARGE
from tests.flow.process import OK, Seen, Setup, running, until

PLAN, LOGO = "https://files.example/c4n4ry/plan.pdf?sig=c4n4ry", "https://files.example/c4n4ry.png"
TOKEN = "NS-EU-FILE-1"
DOWN = Unavailable("attachment-host")
BUSY = NotSent(Stage.MAIL, "refused", Reply(451, "busy", "4.3.0"))


def _setup(*attempts: Attempt | None) -> tuple[Setup, list[Mail]]:
    """Attempts end so, one after another, and then well; with the mails that were made."""
    setup = Setup()
    setup.files = KnownFiles({PLAN: b"summer plan", LOGO: b"PNG"})
    left, mails = list(attempts), list[Mail]()

    def judge(mail: Mail) -> Attempt | None:
        mails.append(mail)
        return left.pop(0) if left else None

    setup.outbox.judge = judge
    return setup, mails


def _parsed(mail: Mail) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(mail.content, policy=default))


async def _outcome(setup: Setup, attachments: list[Any], html: str = "<p>World</p>") -> Outcome:
    """That of one request, which tells nothing of a URL."""
    setup.request(attachments=attachments, html=html)
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert "c4n4ry" not in repr(concluded)
    return concluded.outcome


async def test_files_are_in_the_mail_under_their_names() -> None:
    setup, mails = _setup()
    assert isinstance(await _outcome(setup, [PLAN, {"url": LOGO, "filename": "Löwe.png"}]), Accepted)
    parts = list(_parsed(mails[0]).iter_attachments())
    assert [part.get_filename() for part in parts] == ["plan.pdf", "Löwe.png"]
    assert [cast("EmailMessage", part).get_content() for part in parts] == [b"summer plan", b"PNG"]


async def test_an_inline_image_is_related_to_the_html_that_shows_it() -> None:
    setup, mails = _setup()
    logo = {"url": LOGO, "cid": "logo", "contentType": "image/png"}
    assert isinstance(await _outcome(setup, [logo], '<img src="cid:logo">'), Accepted)
    (related,) = (part for part in _parsed(mails[0]).walk() if part.get_content_type() == "multipart/related")
    image = cast("EmailMessage", related.get_payload(1))
    assert (image.get_content_type(), image["Content-ID"]) == ("image/png", "<logo>")


async def test_a_url_may_be_a_token_and_is_told_as_one() -> None:
    setup, mails = _setup()
    setup.vault = KnownValues({TOKEN: PLAN})
    assert isinstance(await _outcome(setup, [TOKEN]), Accepted)
    assert b"plan.pdf" in mails[0].content


async def test_a_token_for_a_url_that_nobody_knows_is_not_fetched() -> None:
    setup, mails = _setup()
    assert await _outcome(setup, [TOKEN]) == Unresolvable(
        "pii-unresolved", ("/attachments/0/url: the token is not known",)
    )
    assert (mails, setup.files.asked) == ([], [])


async def test_what_is_gone_or_refused_ends_the_request_unsent_and_says_where_it_stands() -> None:
    endings = {
        "attachment-gone": Gone(),
        "attachment-not-allowed": Refused(Refusal.NOT_ALLOWED),
        "attachment-unreadable": Refused(Refusal.UNREADABLE),
        "attachment-too-large": Refused(Refusal.TOO_LARGE),
    }
    for type_, ending in endings.items():
        setup, mails = _setup()
        setup.files.files[PLAN] = ending
        outcome = await _outcome(setup, [LOGO, PLAN])
        assert isinstance(outcome, Unresolvable)
        assert (outcome.type, outcome.too_large) == (type_, type_ == "attachment-too-large")
        assert outcome.errors[0].startswith("/attachments/1: ")
        assert mails == []


async def test_more_files_or_more_octets_than_a_mail_may_have_are_too_large() -> None:
    for caps in (Caps(count=1), Caps(total=20)):
        setup, mails = _setup()
        setup.caps = caps
        outcome = await _outcome(setup, [PLAN, LOGO])
        assert isinstance(outcome, Unresolvable)
        assert outcome.too_large
        assert mails == []


async def test_another_file_than_the_one_asked_for_is_not_sent() -> None:
    for content, accepted in ((b"summer plan", True), (b"winter plan", False)):
        setup, _ = _setup()
        asked = {"url": PLAN, "sha256": sha256(content).hexdigest()}
        outcome = await _outcome(setup, [asked])
        assert isinstance(outcome, Accepted) is accepted
        if not accepted:
            assert isinstance(outcome, Unresolvable)
            assert outcome.type == "attachment-changed"


async def test_a_host_that_is_down_is_waited_for_and_counts_as_an_attempt() -> None:
    setup, mails = _setup()
    setup.files.files[PLAN] = DOWN
    setup.request(attachments=[PLAN])
    async with running(setup) as process:
        later = await _parked(process.world.observer)
        assert (later.reason, later.progress.attempts) == (Reason.ATTACHMENT, 1)
        assert later.progress.last_reason == "attachment-host-unavailable"
        assert mails == []
        setup.files.files[PLAN] = b"summer plan"
        setup.clock.shift += 3_600
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_a_host_that_stays_down_is_the_reason_why_a_request_expires() -> None:
    setup, _ = _setup()
    setup.files.files[PLAN] = DOWN
    setup.request(attachments=[PLAN])
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.clock.shift += 86_400
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == Expired("attachment-host-unavailable", 1)


async def test_a_file_that_changed_before_the_retry_ends_the_request_also_in_another_process() -> None:
    for killed in (False, True):
        setup, mails = _setup(BUSY)
        setup.request(attachments=[LOGO, PLAN])
        async with running(setup) as process:
            await _parked(process.world.observer)
            await until(lambda: setup.kafka.parked[0])  # noqa: B023  killed before that, nobody knows what became of it
            if not killed:
                setup.files.files[PLAN] = b"winter plan"
                setup.clock.shift += 3_600
                await setup.outcomes(1)
        setup.files.files[PLAN] = b"winter plan"
        setup.clock.shift += 3_600
        async with running(setup):
            (concluded,) = await setup.outcomes(1)
        assert isinstance(concluded.outcome, Unresolvable)
        assert concluded.outcome.type == "attachment-changed"
        assert concluded.outcome.errors[0].startswith("/attachments/1: ")
        assert len(mails) == 1


async def test_whoever_had_the_mail_before_its_file_changed_is_told_as_accepted() -> None:
    setup, mails = _setup(Answered((OK, Reply(450, "busy", "4.2.1")), OK, 1_700_000_000.0))
    setup.request(to=["ann@example.com", "bob@example.com"], attachments=[PLAN])
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.files.files[PLAN] = b"winter plan"
        setup.clock.shift += 3_600
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == ("ann@example.com",)
    assert [one.recipient for one in concluded.outcome.rejected] == ["bob@example.com"]
    assert len(mails) == 1


async def test_a_mail_in_doubt_is_not_sent_again_with_another_file() -> None:
    setup, mails = _setup()

    def lost(mail: Mail) -> Attempt:
        mails.append(mail)
        setup.files.files[PLAN] = b"winter plan"
        return InDoubt("connection-lost")

    setup.outbox.judge = lost
    setup.request(attachments=[PLAN], onUnknown="resend")
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unknown)
    assert len(mails) == 1


async def test_a_large_mail_is_made_off_the_loop() -> None:
    for octets, off in ((100, False), (LARGE + 1, True)):
        setup, mails = _setup()
        lines, file = _Lines([b"QUJD\r\n"]), fetched(bytes(octets))
        setup.files.files[PLAN] = replace(file, lines=lines)
        assert isinstance(await _outcome(setup, [PLAN]), Accepted)
        assert len(mails) == 1
        assert [thread is not threading.main_thread() for thread in lines.read_by] == [off]


class _Lines(tuple[bytes, ...]):  # noqa: SLOT001  it keeps what it learns
    """Encoded lines that know which threads have read them."""

    read_by: list[threading.Thread]

    @override
    def __iter__(self) -> Iterator[bytes]:
        self.__dict__.setdefault("read_by", []).append(threading.current_thread())
        return super().__iter__()


async def _parked(seen: object) -> Later:
    """Wait until something is parked; how."""
    assert isinstance(seen, Seen)
    while not seen.ticks or not any(isinstance(one, Later) for one in seen.endings):  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.001)
    return next(one for one in seen.endings if isinstance(one, Later))
