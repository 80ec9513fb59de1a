"""From a relay's name to a connection that may carry mail: TCP, greeting, TLS, AUTH.

aiosmtplib holds this part of the conversation, one stage a call, so that each error has
its stage. STARTTLS is required, not tried: without it no AUTH is sent (RFC 3207, 6). One
AUTH mechanism is chosen; trying all of them makes three bad logins of one wrong password.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Protocol, cast

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from consumer.adapters.smtp.link import Link, printable
from consumer.adapters.smtp.login import Logins
from consumer.adapters.smtp.options import SmtpOptions, Timeouts
from consumer.adapters.smtp.reasons import EndedError, Reason, refused
from consumer.adapters.smtp.tls import Contexts, since_handshake
from consumer.core.attempt import NotSent, Stage
from consumer.core.network import NotAllowedError
from consumer.core.reply import Reply
from consumer.core.tenant import Relay, Scheme
from consumer.ports import Clock, Tokens

MOST_ADDRESSES = 4

OnStages = Callable[[Sequence[Stage], Sequence[float]], None]
"""Told of stages and the seconds that each took, as far as it came. The greeting's have those of TLS at connect in them."""


class Reach(Protocol):
    """Connects to a host and port within so many seconds; tells when it has an address.

    Raises NotAllowedError where that may not be, socket.gaierror without an address, another OSError where nothing answers.
    """

    def __call__(
        self, host: str, port: int, within: float, *, resolved: Callable[[], None] = ...
    ) -> Awaitable[socket.socket]: ...


def unnoticed() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What a relay offered in its last EHLO. `size` is the largest mail it takes, 0 for any (RFC 1870)."""

    pipelining: bool
    eight_bit: bool
    smtputf8: bool
    size: int


@dataclass(slots=True, eq=False)
class Connection:
    """A connection that carries mails, one after another: while the relay thinks about a body, the next may begin.

    `users` are the conversations on it, the last of them behind a body that has no reply yet (`bodies`); `took` is
    how many seconds the relay thought about the last one. `spoiled` says that a conversation came to no clean end.
    `hurried` says that the relay answers MAIL and RCPT within a grant's lifetime: only then may they travel with DATA.
    `needs_reset` says that an envelope may be left on the relay's side (RFC 2920, 3.1 and Postfix: the next
    mail would go out under the previous sender). `welcome` is the relay's answer to the login.
    """

    link: Link
    offers: Offers
    since: float
    mails: int = 0
    users: int = 0
    bodies: int = 0
    took: float | None = None
    spoiled: bool = False
    needs_reset: bool = False
    hurried: bool = True
    welcome: Reply | None = None


class Dialer:
    """Opens connections."""

    def __init__(
        self, clock: Clock, options: SmtpOptions, *, on_stages: OnStages, reach: Reach, tokens: Tokens | None = None
    ) -> None:
        self._clock = clock
        self._options = options
        self._timeouts = options.timeouts
        self._on_stages = on_stages
        self._reach = reach
        self._resolved = unnoticed
        self._contexts = Contexts(options.ca_file)
        self._logins = Logins(tokens)

    def watched(self, timeouts: Timeouts, on_stages: OnStages, resolved: Callable[[], None]) -> "Dialer":
        """The same, for one who wants to know how far it came, and has less patience."""
        dialer = copy(self)
        dialer._timeouts, dialer._on_stages, dialer._resolved = timeouts, on_stages, resolved  # noqa: SLF001  it is one of us
        return dialer

    async def dial(self, relay: Relay) -> Connection | NotSent:
        """Connect, secure and log in; or say how far it came."""
        try:
            return await self._dial(relay)
        except EndedError as ended:
            return ended.ending

    async def _dial(self, relay: Relay) -> Connection | NotSent:
        tls = await self._tls(relay)
        sock = await self._connect(relay)
        smtp = SMTP(
            hostname=relay.host,
            sock=sock,
            local_hostname=self._options.hello or _address_literal(sock),
            use_tls=relay.scheme is Scheme.SMTPS,
            start_tls=False,
            tls_context=tls,
        )
        async with asyncio.TaskGroup() as tasks:
            introduction = tasks.create_task(self._introduced(smtp, relay, sock))
            try:
                await asyncio.wait({introduction})
            except asyncio.CancelledError:
                # wait_for of Python 3.11, on which aiosmtplib waits, may swallow it: without a socket it ends all the same.
                _hang_up(smtp, sock)
                raise
        return introduction.result()

    async def _introduced(self, smtp: SMTP, relay: Relay, sock: socket.socket) -> Connection | NotSent:
        try:
            return await self._introduce(smtp, relay)
        except EndedError as ended:
            _hang_up(smtp, sock)
            return ended.ending
        except BaseException:
            _hang_up(smtp, sock)
            raise

    async def _introduce(self, smtp: SMTP, relay: Relay) -> Connection:
        await self._greeting(smtp, relay)
        if relay.scheme is Scheme.SMTP:
            await self._starttls(smtp)
        welcome = None if relay.user is None else await self._login(smtp, relay, relay.user)
        connection = self._take_over(smtp)
        connection.welcome = welcome
        return connection

    async def _tls(self, relay: Relay) -> ssl.SSLContext | None:
        if relay.scheme is Scheme.PLAIN:
            if not self._options.allows_plaintext(relay.host):
                raise EndedError(Stage.CONNECT, Reason.PLAINTEXT_NOT_ALLOWED)
            return None
        try:
            return await self._contexts.trusting(relay.ca_file)
        except OSError:
            raise EndedError(Stage.TLS, Reason.CA_FILE) from None

    async def _connect(self, relay: Relay) -> socket.socket:
        async with self._stage(Stage.CONNECT, self._timeouts.connect):
            return await self._reach(relay.host, relay.port, self._timeouts.connect, resolved=self._resolved)

    async def _greeting(self, smtp: SMTP, relay: Relay) -> None:
        # TLS at connect happens inside connect(): what is not SMTP's own error there is TLS's.
        silent = Stage.TLS if relay.scheme is Scheme.SMTPS else Stage.GREETING
        began = self._clock.elapsed()
        async with self._stage(Stage.GREETING, 2 * self._timeouts.greeting, foreign=silent):
            await smtp.connect(timeout=self._timeouts.greeting)
            _check(smtp, Stage.GREETING)
            since = since_handshake(cast("asyncio.Transport", smtp.transport).get_extra_info("ssl_object"))
            if since is not None:
                self._on_stages((Stage.TLS,), (max(0.0, self._clock.elapsed() - began - since),))
            await smtp.ehlo(timeout=self._timeouts.greeting)

    async def _starttls(self, smtp: SMTP) -> None:
        _check(smtp, Stage.GREETING)
        if not smtp.supports_extension("starttls"):
            raise EndedError(Stage.TLS, Reason.STARTTLS_NOT_OFFERED)
        async with self._stage(Stage.TLS, self._timeouts.tls):
            await smtp.starttls(timeout=self._timeouts.tls)
        async with self._stage(Stage.GREETING, self._timeouts.greeting):
            await smtp.ehlo(timeout=self._timeouts.greeting)

    async def _login(self, smtp: SMTP, relay: Relay, user: str) -> Reply:
        """The one step that authenticates."""
        _check(smtp, Stage.GREETING)
        async with self._stage(Stage.AUTH, self._timeouts.auth):
            said = await self._logins.log_in(smtp, relay, user, self._timeouts.auth)
        return _reply(said.code, said.message)

    def _take_over(self, smtp: SMTP) -> Connection:
        """From here on the link reads the replies; aiosmtplib's reader would pair them wrongly."""
        _check(smtp, Stage.GREETING)
        transport = cast("asyncio.Transport", smtp.transport)
        extensions = smtp.esmtp_extensions
        size = extensions.get("size", "")
        offers = Offers(
            pipelining="pipelining" in extensions,
            eight_bit="8bitmime" in extensions,
            smtputf8="smtputf8" in extensions,
            size=int(size) if size.isascii() and size.isdigit() else 0,
        )
        link = Link(transport)
        transport.set_protocol(link)
        return Connection(link, offers, self._clock.elapsed())

    @contextlib.asynccontextmanager
    async def _stage(self, stage: Stage, within: float, *, foreign: Stage | None = None) -> AsyncGenerator[None]:
        """Ends with EndedError whatever the stage can end with; `foreign` is where errors belong that are not SMTP's."""
        began = self._clock.elapsed()
        try:
            async with asyncio.timeout(within):
                yield
        except (SMTPException, OSError, UnicodeError) as error:
            raise _ended(error, stage, foreign or stage) from None
        finally:
            self._on_stages((stage,), (self._clock.elapsed() - began,))


def _check(smtp: SMTP, stage: Stage) -> None:
    """A link that was lost just after its last reply has no transport, and has forgotten what the relay offers."""
    if not smtp.is_connected:
        raise EndedError(stage, Reason.CONNECTION_LOST)


def _ended(error: Exception, stage: Stage, foreign: Stage) -> EndedError:
    if isinstance(error, SMTPResponseException):
        return _refused(error, stage)
    cause = error.__cause__ if isinstance(error, SMTPException) and error.__cause__ else error
    if not isinstance(cause, SMTPException):
        stage = foreign
    for kind, reason in _REASONS:
        if isinstance(cause, kind):
            return EndedError(stage, reason)
    return EndedError(stage, Reason.UNREACHABLE if stage is Stage.CONNECT else Reason.CONNECTION_LOST)


_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    # the first row that fits is taken
    (NotAllowedError, Reason.NOT_ALLOWED),
    (TimeoutError, Reason.TIMEOUT),
    (ssl.SSLCertVerificationError, Reason.CERTIFICATE),
    (ssl.SSLError, Reason.TLS_FAILED),
    (socket.gaierror, Reason.DNS),
    (UnicodeError, Reason.DNS),  # a name that no A-label can be made of
)


def _refused(error: SMTPResponseException, stage: Stage) -> EndedError:
    if not 200 <= error.code < 600:  # aiosmtplib's -1: no reply at all, and its text quotes what came
        return EndedError(stage, Reason.MALFORMED_REPLY)
    reply = _reply(error.code, error.message)
    return EndedError(stage, refused(reply), reply)


def _reply(code: int, text: str) -> Reply:
    return Reply.of(code, printable(text.replace("\n", " ")))


def _hang_up(smtp: SMTP, sock: socket.socket) -> None:
    """At once: a graceful end of TLS would wait for the other side."""
    if smtp.transport is not None:
        cast("asyncio.Transport", smtp.transport).abort()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _address_literal(sock: socket.socket) -> str:
    address: str = sock.getsockname()[0]
    return f"[IPv6:{address}]" if sock.family is socket.AF_INET6 else f"[{address}]"


async def reach(host: str, port: int, within: float, *, resolved: Callable[[], None] = unnoticed) -> socket.socket:
    """Try the host's addresses in the resolver's order, each with an equal share of the time."""
    loop = asyncio.get_running_loop()
    found = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[:MOST_ADDRESSES]
    resolved()
    error: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(0)
            async with asyncio.timeout(within / len(found)):
                await loop.sock_connect(sock, address)
        except OSError as failed:
            sock.close()
            error = failed
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise error
