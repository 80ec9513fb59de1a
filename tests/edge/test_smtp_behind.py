"""A mail that begins behind the body of the one before: one round trip a mail, and neither answers for the other."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from typing_extensions import override

from consumer.adapters.clock import SystemClock
from consumer.core.attempt import Answered, InDoubt, NotSent
from consumer.core.tenant import Relay, Scheme
from devtools.relay_script import Behave, Drop, Hang, Manner, Say
from tests.edge.post import PATIENT, PIPELINED, STAGES, Post, granted, hasty, mail, options, posting

SLOWLY = Behave(delay=0.2)
"""Time enough for all that wait to come near."""


class Telling(SystemClock):
    """Tells when the time is asked for, which a mail does at its end."""

    asked: Callable[[], bool] = bool

    @override
    def now(self) -> float:
        self.asked()
        return super().now()


def single(port: int) -> Relay:
    return Relay("127.0.0.1", port, Scheme.PLAIN, max_connections=1)


async def two_more(post: Post) -> list[object]:
    """The second one begins behind the first one's body."""
    await post.send(0)  # now it is known that this relay does not think long about a body
    async with asyncio.TaskGroup() as tasks:
        sends = [tasks.create_task(post.send(number)) for number in (1, 2)]
    return [send.result() for send in sends]


async def test_the_next_envelope_is_there_before_the_reply_to_the_body() -> None:
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        bodies = 0
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-relay\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                bodies += 1
                if bodies == 2:
                    seen.append((await reader.readline())[:10].decode())  # nothing was said about that body yet
                writer.write(b"250 taken\r\n" + b"250 OK\r\n" * (bodies == 2))
            else:
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    async with server, posting() as post:
        post.name = single(port)
        attempts = await two_more(post)
    assert all(isinstance(attempt, Answered) and attempt.data and attempt.data.positive for attempt in attempts)
    assert seen == ["MAIL FROM:"]


async def test_the_end_of_a_body_and_the_envelope_behind_it_leave_in_one_write() -> None:
    chunks: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        while chunk := await reader.read(65_536):
            chunks.append(chunk)
            if chunk.startswith(b"EHLO"):
                writer.write(b"250-relay\r\n250 PIPELINING\r\n")
                continue
            writer.write(b"250 taken\r\n" * (b"\r\n.\r\n" in chunk))
            writer.write(b"250 OK\r\n250 OK\r\n354 go on\r\n" * (b"DATA\r\n" in chunk))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    async with server, posting() as post:
        post.name = single(port)
        await two_more(post)
    both = [chunk for chunk in chunks if b"\r\n.\r\nMAIL FROM:" in chunk]
    assert len(both) == 1
    assert both[0].startswith(b"Message-ID: <1@")
    assert both[0].endswith(b"DATA\r\n")


async def test_a_body_that_is_refused_says_nothing_of_the_mail_behind_it() -> None:
    script = {"body": (Behave(), Say("550 5.7.1 not this one", delay=0.2))}
    async with posting(script, name=single) as post:
        first, second = await two_more(post)
    assert isinstance(first, Answered)
    assert first.data is not None
    assert first.data.code == 550
    assert isinstance(second, Answered)
    assert [taken.message_id for taken in post.relay.taken] == [mail(0).message_id, mail(2).message_id]


async def test_a_link_that_is_lost_behind_a_body_leaves_one_mail_in_doubt_and_the_next_goes_by_another() -> None:
    async with posting({"body": (Behave(), Drop())}, name=single) as post:
        first, second = await two_more(post)
    assert isinstance(first, InDoubt)
    assert isinstance(second, Answered)
    assert len(post.relay.sessions) == 2
    assert [taken.message_id for taken in post.relay.taken] == [mail(0).message_id, mail(2).message_id]


async def test_a_relay_that_closes_with_its_reply_to_a_body_has_answered_for_that_one_alone() -> None:
    script = {"body": (Behave(), Say("421 4.3.2 going down", delay=0.1, close=True))}
    async with posting(script, name=single) as post:
        first, second = await two_more(post)
    assert isinstance(first, Answered)
    assert first.data is not None
    assert first.data.code == 421
    assert isinstance(second, Answered)
    assert second.data is not None
    assert second.data.code == 250


async def test_who_is_given_up_behind_a_body_takes_no_reply_of_it_away() -> None:
    async with posting({"body": (Behave(), SLOWLY)}, name=single) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(post.send(1))
            behind = tasks.create_task(post.send(2))
            await post.relay.until(lambda: post.relay.sessions[0].verbs.count("DATA") == 2)
            await asyncio.sleep(0.05)
            behind.cancel()
        third = await post.send(3)
    assert isinstance(first.result(), Answered)
    assert isinstance(third, Answered)
    assert mail(2).message_id not in {taken.message_id for taken in post.relay.taken}
    assert len(post.relay.sessions) == 2, "the envelope of the one that was given up was on the first connection"


async def test_a_body_that_is_never_answered_is_in_doubt_and_the_mail_behind_it_is_not() -> None:
    script = {"body": (Behave(), Hang())}
    async with posting(script, name=single, how=options(hasty("body"))) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            sends = [tasks.create_task(post.send(number)) for number in (1, 2)]
        first, second = (send.result() for send in sends)
    assert isinstance(first, InDoubt)
    assert not isinstance(second, InDoubt | NotSent)
    assert mail(1).message_id not in {taken.message_id for taken in post.relay.taken}


async def test_behind_a_body_nobody_begins_where_the_relay_does_not_pipeline() -> None:
    async with posting(manner=Manner("plain", extensions=STAGES), name=single) as post:
        assert all(isinstance(attempt, Answered) for attempt in await two_more(post))


async def test_a_mail_that_this_relay_cannot_take_is_told_so_behind_a_body_and_the_connection_goes_on() -> None:
    manner = Manner("plain", extensions=("SIZE 33554432", "8BITMIME", "PIPELINING"))
    async with posting({"body": (Behave(), SLOWLY)}, manner=manner, name=single) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(post.send(1))
            unfit = tasks.create_task(post.send(mail(2, to=("jürgen@example.com",), smtputf8=True)))
            last = tasks.create_task(post.send(3))
    assert isinstance(refusal := unfit.result(), NotSent)
    assert refusal.reason == "smtputf8-not-offered"
    assert isinstance(first.result(), Answered)
    assert isinstance(last.result(), Answered)
    assert [log.verbs.count("MAIL") for log in post.relay.sessions] == [3]


async def test_who_is_given_up_in_the_moment_of_its_replies_leaves_no_envelope_behind() -> None:
    clock = Telling()
    async with posting({"body": (Behave(), SLOWLY)}, name=single, clock=clock) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(post.send(1))
            behind = tasks.create_task(post.send(2))
            clock.asked = behind.cancel  # the first one's end: the replies to the other's envelope came in that segment
        clock.asked = bool
        third = await post.send(3)
    assert isinstance(first.result(), Answered)
    assert isinstance(third, Answered)
    assert mail(2).message_id not in {taken.message_id for taken in post.relay.taken}
    assert len(post.relay.sessions) == 2, "the envelope of the one that was given up was on the first connection"


async def test_a_connection_that_has_carried_enough_is_not_lent() -> None:
    limits = replace(options().limits, messages=2)
    async with posting({"body": (Behave(), SLOWLY)}, name=single, how=options(PATIENT, limits)) as post:
        await two_more(post)
        assert [log.verbs.count("MAIL") for log in post.relay.sessions] == [2, 1]


async def test_fifty_mails_over_two_connections_have_a_reply_each_that_is_theirs() -> None:
    script = {f"rcpt:nobody-{number}@example.com": Say(f"550 5.1.1 nobody {number}") for number in range(0, 50, 3)}
    manner = Manner("plain", extensions=PIPELINED)
    async with posting(script, manner=manner, name=lambda port: replace(single(port), max_connections=2)) as post:
        await post.send(100)
        async with asyncio.TaskGroup() as tasks:
            sends = [
                tasks.create_task(
                    post.transport.send(mail(number, to=(f"nobody-{number}@example.com",)), post.name, granted)
                )
                for number in range(50)
            ]
    for number, send in enumerate(sends):
        attempt = send.result()
        assert isinstance(attempt, Answered)
        (reply,) = attempt.recipients
        assert reply.text == ("ok" if number % 3 else f"nobody {number}")
