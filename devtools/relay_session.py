"""One conversation from the relay's side: RFC 5321 where no script says otherwise, pipelined (RFC 2920).

It copies one habit of Postfix on purpose: a second MAIL gets 503 and leaves the first envelope in place.
"""

import asyncio
import base64
import binascii
import ssl
import time
from typing import Protocol

from devtools.relay_script import Act, Behave, Drop, Endless, Hang, Manner, Playbook, Say, Taken, message_id
from devtools.relay_wire import GoneError, Wire


class House(Protocol):
    """What a session needs of its relay."""

    manner: Manner
    playbook: Playbook
    tls: ssl.SSLContext | None

    def keep(self, mail: Taken) -> None: ...

    async def tell(self) -> None: ...


class Session:
    """One conversation, from the relay's side."""

    def __init__(self, relay: House, wire: Wire) -> None:
        self._relay = relay
        self._manner = relay.manner
        self._wire = wire
        self._known = False
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def hold(self) -> None:
        await self._answer("220 relay.test ESMTP", "greeting")
        while True:
            line = (await self._wire.line()).decode("utf-8", "replace")
            verb, _, rest = line.partition(" ")
            await self._obey(verb.upper(), rest)

    async def _obey(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                await self._answer(self._hello(), "ehlo")
            case "RSET" | "NOOP":
                await self._rset(verb)
            case "QUIT":
                await self._quit()
            case "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA":
                steps = {"AUTH": self._auth, "MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._data}
                await steps.get(verb, self._starttls)(rest)
            case _:
                await self._answer("500 5.5.2 what?", "unknown")

    async def _rset(self, verb: str) -> None:
        if verb == "RSET":
            self._forget()
        await self._answer("250 2.0.0 ok", verb.lower())

    async def _quit(self) -> None:
        await self._answer("221 2.0.0 bye", "quit")
        await self._wire.flush()
        raise GoneError

    def _hello(self) -> str:
        offers = ["relay.test", *self._manner.extensions]
        if self._manner.scheme == "smtp" and not self._wire.secure and self._relay.tls:
            offers.append("STARTTLS")
        elif self._manner.users is not None or self._manner.xoauth2:
            also = ("XOAUTH2",) if self._manner.xoauth2 else ()
            offers.append(" ".join(("AUTH", *self._manner.mechanisms, *also)))
        return "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"])

    async def _starttls(self, _rest: str) -> None:
        if self._relay.tls is None or self._wire.secure:
            await self._answer("454 4.7.0 no TLS here", "starttls")
        elif await self._answer("220 2.0.0 go ahead", "starttls"):
            await self._wire.secured(self._relay.tls)

    async def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        try:
            self._known = await self._credentials(mechanism.upper(), initial)
        except (binascii.Error, ValueError):
            await self._answer("501 5.5.2 cannot decode", "auth")
            return
        reply = "235 2.7.0 welcome" if self._known else "535 5.7.8 wrong user or password"
        await self._answer(reply, "auth")

    async def _credentials(self, mechanism: str, initial: str) -> bool:
        if mechanism == "LOGIN":
            user = _decoded(initial or await self._ask("VXNlcm5hbWU6"))
            password = _decoded(await self._ask("UGFzc3dvcmQ6"))
            return self._right(user, password)
        answer = _decoded(initial or await self._ask(""))
        if mechanism == "XOAUTH2":
            user, bearer = answer.split("\x01")[:2]
            check = self._manner.xoauth2
            return bool(check and check(user.removeprefix("user="), bearer.removeprefix("auth=Bearer ")))
        _, user, password = answer.split("\0")
        return self._right(user, password)

    def _right(self, user: str, password: str) -> bool:
        return (self._manner.users or {}).get(user) == password

    async def _ask(self, challenge: str) -> str:
        self._wire.reply(f"334 {challenge}\r\n".encode())
        return (await self._wire.line()).decode("ascii", "replace")

    async def _mail(self, rest: str) -> None:
        asked = self._manner.users is not None or self._manner.xoauth2 is not None
        if asked and not self._known:
            await self._answer("530 5.7.0 authentication required", "mail")
        elif self._sender is not None:
            await self._answer("503 5.5.1 nested MAIL command", "mail")
        elif await self._answer("250 2.1.0 ok", "mail"):
            self._sender = _path(rest)

    async def _rcpt(self, rest: str) -> None:
        recipient = _path(rest)
        if self._sender is None:
            await self._answer("503 5.5.1 MAIL first", "rcpt")
        elif await self._answer("250 2.1.5 ok", f"rcpt:{recipient}", "rcpt"):
            self._recipients.append(recipient)

    async def _data(self, _rest: str) -> None:
        if not self._recipients:
            await self._answer("503 5.5.1 RCPT first", "data")
        elif await self._answer("354 go ahead", "data"):
            await self._body()

    async def _body(self) -> None:
        act = self._relay.playbook.next("body")
        await self._note(act, "body")
        content = await self._wire.body(act.after if isinstance(act, Drop) else None)
        mail = Taken(message_id(content), self._sender or "", tuple(self._recipients), content, time.time())
        self._forget()
        if act is None or isinstance(act, Behave):
            await self._pause(act.delay if act else 0.0)
            self._relay.keep(mail)
            self._wire.reply(b"250 2.0.0 taken\r\n")
        elif await self._perform(act):
            self._relay.keep(mail)
        await self._relay.tell()

    def _forget(self) -> None:
        self._sender = None
        self._recipients = []

    async def _answer(self, usual: str, *places: str) -> bool:
        """Say the usual, or what the script says. True if that was positive."""
        act = self._relay.playbook.next(*places)
        await self._note(act, places[-1])
        if act is None or isinstance(act, Behave):
            await self._pause(act.delay if act else 0.0)
            self._wire.reply(f"{usual}\r\n".encode())
            return usual[0] in "23"
        return await self._perform(act)

    async def _note(self, act: Act | None, place: str) -> None:
        if act is not None:
            self._wire.log.at = place
            await self._relay.tell()

    async def _perform(self, act: Act) -> bool:
        match act:
            case Hang():
                await self._wire.left()
            case Drop():
                await self._wire.flush()
                raise GoneError
            case Endless(block):
                await self._wire.pour(block)
            case Behave(delay):
                await self._pause(delay)
            case Say():
                await self._say(act)
                return act.octets[:1] in {b"2", b"3"}
        return True

    async def _say(self, act: Say) -> None:
        await self._pause(act.delay)
        self._wire.reply(act.octets)
        if act.close or act.cut is not None:
            await self._wire.flush()
            raise GoneError

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await self._wire.flush()
            await asyncio.sleep(seconds)


def _decoded(answer: str) -> str:
    return base64.b64decode(answer, validate=True).decode()


def _path(rest: str) -> str:
    """The address between the angle brackets of FROM:<...> or TO:<...>."""
    return rest[rest.find("<") + 1 : rest.rfind(">")]
