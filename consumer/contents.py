"""What a request refers to, had for one attempt: the values of its PII tokens, and its attachments.

Memory for attachments is asked for before it is used, and given back when the attempt has ended. A download
that finds no memory left is dropped whole before it waits for more: so nobody waits with something in hand,
and no two wait for one another.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import TypeAlias

from consumer.core.attachment import Caps, Fetched, Gone, NoRoom, Refusal, Refused, Wanted, memory, unresolvable
from consumer.core.budget import Budget
from consumer.core.frozen import frozen
from consumer.core.outcome import Unresolvable
from consumer.core.parking import Progress
from consumer.core.resolve import NONE, Values, tokens, unresolved
from consumer.core.send_email import SendEmail
from consumer.core.tenant import Unavailable
from consumer.ports import Allot, Attachments, Vault

WAIT = 30.0
"""Seconds that an attempt waits for memory before its request is parked."""

WITHIN = 300.0
"""Seconds for all files of a mail together."""

AROUND = 262_144
"""Octets that a download takes beside the file: buffers, TLS."""

MOST_ERRORS = 10


@frozen
class Contents:
    """All that the request refers to. `files` are in the order of its attachments."""

    values: Values
    files: tuple[Fetched, ...] = ()

    def pinned(self, progress: Progress) -> Progress:
        """The progress, with what tells these files from any others."""
        return replace(progress, files=tuple(file.sha256 for file in self.files))


Found: TypeAlias = Contents | Unresolvable | Unavailable

NOTHING = Contents(NONE)
"""Of most requests."""


class Larder:
    """The memory for attachments. Without an await between looking and taking, it is never given twice."""

    def __init__(self, octets: int) -> None:
        self._budget = Budget(octets)
        self._waiting: dict[asyncio.Future[None], tuple[str, int]] = {}  # in the order in which they came

    @property
    def used(self) -> int:
        return self._budget.used

    def take_now(self, tenant: str, octets: int) -> bool:
        """Whether it can be had without waiting, and then it is taken."""
        if octets > 0 and self._budget.next((*self._waiting.values(), (tenant, octets))) != len(self._waiting):
            return False
        self._budget.take(tenant, octets)
        return True

    async def take(self, tenant: str, octets: int, within: float) -> bool:
        """Wait for it so many seconds; whether it came."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = (tenant, octets)
        self._dispatch()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await asyncio.shield(turn)
        except asyncio.CancelledError:
            if turn.done():
                self.give_back(tenant, octets)
            raise
        finally:
            self._waiting.pop(turn, None)
        return turn.done()

    def give_back(self, tenant: str, octets: int) -> None:
        self._budget.take(tenant, -octets)
        self._dispatch()

    def _dispatch(self) -> None:
        while (index := self._budget.next(self._waiting.values())) is not None:
            turn = list(self._waiting)[index]
            self._budget.take(*self._waiting.pop(turn))
            turn.set_result(None)


class Hold:
    """What one attempt has of the memory."""

    def __init__(self, larder: Larder, tenant: str) -> None:
        self._larder = larder
        self._tenant = tenant
        self._octets = 0

    async def wait(self, octets: int) -> bool:
        """Wait for so much, with nothing in hand; whether it came."""
        self.keep(0)
        if await self._larder.take(self._tenant, octets, WAIT):
            self._octets = octets
            return True
        return False

    def grow(self, octets: int) -> bool:
        """So much in all; False, and no change, if that cannot be had now."""
        if octets > self._octets:
            if not self._larder.take_now(self._tenant, octets - self._octets):
                return False
            self._octets = octets
        return True

    def keep(self, octets: int) -> None:
        """No more than so much, from now on."""
        if octets < self._octets:
            self._larder.give_back(self._tenant, self._octets - octets)
            self._octets = octets


class Resolver:
    """Has what requests refer to."""

    def __init__(self, vault: Vault, attachments: Attachments, caps: Caps, larder: Larder) -> None:
        self.vault = vault
        self._attachments = attachments
        self._caps = caps
        self.larder = larder

    def of(self, email: SendEmail, tenant: str, digests: tuple[str, ...]) -> "Resolving | None":
        """For one attempt at a request of this tenant; None where it refers to nothing, and has `NOTHING`.

        `digests` are those of the files that an earlier attempt had: only the same ones will do.
        """
        asked = tokens(email)
        if not asked and not email.attachments:
            return None
        return Resolving(self, email, asked, Hold(self.larder, tenant), digests)

    async def values(self, email: SendEmail, asked: tuple[str, ...]) -> Values | Unresolvable | Unavailable:
        """What the request's tokens stand for."""
        if not asked:
            return NONE
        values = await self.vault.resolve(asked)
        if isinstance(values, Unavailable):
            return values
        faults = unresolved(email, values)
        return Unresolvable("pii-unresolved", faults[:MOST_ERRORS]) if faults else values

    async def files(self, wanted: tuple[Wanted, ...], hold: Hold) -> tuple[Fetched, ...] | Unresolvable | Unavailable:
        """All of them, or what ends the request or lets it wait."""
        if len(wanted) > self._caps.count:
            return unresolvable(Refused(Refusal.TOO_MANY), 0)
        octets = AROUND
        while await hold.wait(octets):
            found = await self._all(wanted, hold)
            if not isinstance(found, NoRoom):
                return found
            octets = found.octets
        return Unavailable("attachment-room")

    async def _all(
        self, wanted: tuple[Wanted, ...], hold: Hold
    ) -> tuple[Fetched, ...] | Unresolvable | Unavailable | NoRoom:
        """`NoRoom` says how much memory is needed in all, as far as that is known."""
        files: list[Fetched] = []
        for index, one in enumerate(wanted):
            taken = AROUND + sum(memory(file.octets) for file in files)
            file = await self._attachments.fetch(one, self._caps.room(tuple(files)), _allotting(hold, taken))
            match file:
                case Fetched():
                    files.append(file)
                case NoRoom(octets):
                    return NoRoom(taken + memory(octets))
                case Unavailable():
                    return file
                case Gone() | Refused():
                    return unresolvable(file, index)
        hold.keep(AROUND + sum(memory(file.octets) for file in files))
        return tuple(files)


class Resolving:
    """One attempt's contents, from the first token to the end of the mail."""

    def __init__(
        self, resolver: Resolver, email: SendEmail, asked: tuple[str, ...], hold: Hold, digests: tuple[str, ...]
    ) -> None:
        self._resolver = resolver
        self._email = email
        self._asked = asked
        self._hold = hold
        self._digests = digests

    async def contents(self) -> Found:
        """All that the request refers to: to be given back with `end`."""
        values = await self._resolver.values(self._email, self._asked)
        if not isinstance(values, Values):
            return values
        if not self._email.attachments:
            return Contents(values)
        try:
            return await self._with_files(values)
        except BaseException:
            self._hold.keep(0)
            raise

    def end(self) -> None:
        """The attempt has ended."""
        self._hold.keep(0)

    async def _with_files(self, values: Values) -> Found:
        wanted = tuple(_wanted(self._email, values, self._digests))
        try:
            async with asyncio.timeout(WITHIN):
                files = await self._resolver.files(wanted, self._hold)
        except TimeoutError:
            return Unavailable("attachment-host")
        return Contents(values, files) if isinstance(files, tuple) else files


def _wanted(email: SendEmail, values: Values, digests: tuple[str, ...]) -> Iterator[Wanted]:
    for attachment, digest in zip_longest(email.attachments, digests[: len(email.attachments)]):
        yield Wanted(values.of(attachment.url), digest or attachment.sha256)


def _allotting(hold: Hold, taken: int) -> Allot:
    return lambda octets: hold.grow(taken + memory(octets))
