"""What every Kafka client of ours is told, and what its errors mean to us."""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import conn
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
)
from typing_extensions import override

from consumer.adapters.kafka import batches
from consumer.adapters.kafka.calls import Call, text

GONE_WRONG = (KafkaError, OSError, TimeoutError, AssertionError)
"""What the client raises when a call did not come to its end. It asserts its own states: one that is broken is an error."""

_BRISK = 0.05


class Connection(conn.AIOKafkaConnection):
    """A connection that says so when it is broken.

    To write to a transport that is closed already is a warning in asyncio and a RuntimeError in uvloop, for which the
    library is not prepared: in a heartbeat it ended a consumer when one of three brokers was killed.
    """

    @override
    def send(self, request: Any, expect_response: bool = True) -> Any:
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"connection to {self.host}:{self.port} is closed") from error

    def ask(self, calls: Sequence[Call]) -> list[asyncio.Future[bytes]]:
        """Send them in one go; each answer comes in time for the caller's own deadline, or not at all."""
        frames: list[bytes] = []
        answers: list[asyncio.Future[bytes]] = []
        for call in calls:
            least, most = self._versions.get(call.api, (1, 0))
            if not least <= call.version <= most:
                raise IncompatibleBrokerVersion(f"call {call.api} of version {call.version}")
        if self._writer is None:
            raise KafkaConnectionError(f"connection to {self.host}:{self.port} is closed")
        for call in calls:
            number = self._next_correlation_id()
            frames.append(call.frame(number, text(self._client_id)))
            answers.append(self._loop.create_future())
            self._requests.append((number, call, answers[-1]))
        try:
            self._writer.write(b"".join(frames))
        except (OSError, RuntimeError):
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)  # and with that they have their error
        return answers

    @override
    def _handle_frame(self, resp: bytes) -> None:
        number, request, answer = self._requests[0]
        if not isinstance(request, Call):
            super()._handle_frame(resp)
            return
        if int.from_bytes(resp[:4], "big", signed=True) != number:
            self.close(reason=conn.CloseReason.OUT_OF_SYNC)
            return
        if not answer.done():
            answer.set_result(resp)
        self._last_action = time.monotonic()
        self._requests.popleft()

    @override
    def authenticator_oauth(self) -> Any:
        return _Bearing(sasl_oauth_token_provider=self._sasl_oauth_token_provider)


class _Bearing(conn.OAuthAuthenticator):
    """Hears a refusal. The library takes any answer for a yes, and then loses the connection without a reason."""

    @override
    async def step(self, payload: Any) -> Any:
        told = await super().step(payload)
        if told is None and payload:  # RFC 7628, 3.2.2: a success says nothing
            raise SaslAuthenticationFailed(
                "the broker refuses the token: does it trust the issuer, audience and scope?"
            )
        return told


conn.AIOKafkaConnection = Connection  # the library has no other way to be given one; pinned to 0.14
batches.install()


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach the brokers: keyword arguments that all clients of the library share."""

    bootstrap_servers: str
    client_id: str = "consumer"
    request_timeout: float = 10.0
    retry_backoff: float = 0.5
    security: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def options(self, *, brisk: bool = False) -> dict[str, Any]:
        """Brisk: for a client that the broker often asks to come back at once, and that is given up after seconds."""
        backoff = min(self.retry_backoff, _BRISK) if brisk else self.retry_backoff
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "request_timeout_ms": round(self.request_timeout * 1000),
            "retry_backoff_ms": round(backoff * 1000),
            **self.security,
        }


@dataclass(frozen=True, slots=True)
class Names:
    """The topics and the group."""

    requests: str = "email.requests"
    outcomes: str = "email.outcomes"
    parked: str = "email.parked"
    group: str = "email-consumer"
    suppressions: str = "email.suppressions"
    feedback: str = "email.feedback"


async def stopped(stopping: Awaitable[object], within: float) -> None:
    """Wait for a client to stop, but no longer than that: with the broker away it would wait for ever.

    The library swallows a cancellation that comes while it closes. A partition that was given away went on so, and its
    heartbeats made the group join anew for ever: here it is raised after all.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    with suppress(*GONE_WRONG):
        async with asyncio.timeout(within):
            await stopping
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
