"""A real Kafka to develop and test against, in KRaft mode, on free ports of this machine.

    with kafka() as bootstrap:           # any: the one that KAFKA_BOOTSTRAP_SERVERS names, or a new one
    with Broker() as broker:             # a new one of our own, to kill and freeze at will
    with Cluster(brokers=3) as cluster:  # three that replicate

A new one is the image of docker-compose.yml where a Docker engine answers, otherwise the jars that Maven
fetches (devtools/runtimes.py). All waits are bounded, and no broker outlives the process that started it.
`python -m devtools.broker` runs one in the foreground.
"""

import base64
import os
import random
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devtools.child import Child
from devtools.runtimes import Node, NoKafkaError, Runtime, find_runtime

_HOST = "127.0.0.1"
_READY_WITHIN = 60.0
_STOP_WITHIN = 20.0
# Below the range from which the kernel serves clients: a broker that is down for a while finds its port free again.
_PORTS = range(20_000, 32_000)
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # length, api key, version, correlation id, no client id

__all__ = ["Broker", "Cluster", "NoKafkaError", "kafka", "prepare"]

Settings = Mapping[str, str]
"""Lines of a server.properties, on top of ours. Listeners stand beside ours, unless they bear the same name."""

_BY_LISTENER = ("listeners", "advertised.listeners", "listener.security.protocol.map")


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a broker runs: how, on what data, and behind which port."""

    runtime: Runtime
    node: Node
    port: int


class Broker:
    """One broker. Its data and ports stay the same from the first `start` to `close`, however often it dies in between."""

    def __init__(self, settings: Settings | None = None, *, seat: Seat | None = None) -> None:
        self._seat = seat or _seats(1, settings or {})[0]
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        return f"{_HOST}:{self._seat.port}"

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def directory(self) -> Path:
        """Where its log and, under Java, its data lie."""
        return self._seat.node.directory

    def start(self) -> None:
        """Start it, or start it again; returns once it answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it without waiting; nothing happens if it runs."""
        if self._child is None or not self._child.running:
            self._child = self._seat.runtime.start(self._seat.node)

    def wait_until_ready(self) -> None:
        """Return once it answers a Kafka request, which it does only as a full member of its cluster."""
        deadline = time.monotonic() + _READY_WITHIN
        while not _answers(self._seat.port):
            if self._running.wait(0.05):
                raise NoKafkaError(f"Kafka ended while it started; the end of its log:\n{self._running.tail}")
            if time.monotonic() > deadline:
                raise NoKafkaError(f"Kafka did not answer within {_READY_WITHIN:.0f} s; its log:\n{self._running.tail}")

    def stop(self) -> None:
        """Stop it in order: clients are told, logs are closed."""
        if self._child:
            self._child.stop(_STOP_WITHIN)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._child and self._child.running:
            self._seat.runtime.kill(self._child)

    def restart(self) -> None:
        """Stop and start on the same data and ports."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Halt it in the middle of whatever it does (SIGSTOP); its connections stay open."""
        self._seat.runtime.freeze(self._running)

    def thaw(self) -> None:
        self._seat.runtime.thaw(self._running)

    def close(self) -> None:
        """End it for good and remove its data, so there is nothing to stop in order for."""
        self.kill()
        self._seat.runtime.forget(self._seat.node)
        shutil.rmtree(self._seat.node.directory, ignore_errors=True)

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise NoKafkaError("This broker was not started")
        return self._child

    def __enter__(self) -> Self:
        with _closed_on_error(self.close):
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Cluster:
    """Brokers that replicate to one another: of three, any one may be lost."""

    def __init__(self, brokers: int = 3, settings: Settings | None = None) -> None:
        self.brokers = tuple(Broker(seat=seat) for seat in _seats(brokers, settings or {}))

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self) -> None:
        """Start all that do not run; returns once all answer."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait_until_ready()

    def close(self) -> None:
        """End all for good and remove their data."""
        for broker in self.brokers:
            broker.close()

    def __enter__(self) -> Self:
        with _closed_on_error(self.close):
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare() -> None:
    """Have everything here that a start needs: downloads take longer than a test may."""
    find_runtime()


@contextmanager
def kafka(settings: Settings | None = None) -> Iterator[str]:
    """The address of a Kafka that may be used but not broken: the given one, or a new one."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    with Broker(settings) as broker:
        yield broker.bootstrap


@contextmanager
def _closed_on_error(close: Callable[[], None]) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(close)
        yield
        stack.pop_all()


def _seats(size: int, settings: Settings) -> list[Seat]:
    runtime, ports = find_runtime(), free_ports(2 * size)
    cluster_id = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    listeners = list(zip(ports[:size], ports[size:], strict=True))
    voters = ",".join(f"{number}@{_HOST}:{quorum}" for number, (_, quorum) in enumerate(listeners, 1))
    seats: list[Seat] = []
    for number, (port, quorum) in enumerate(listeners, 1):
        places = _places(number, port, quorum) | {"controller.quorum.voters": voters}
        directory = Path(tempfile.mkdtemp(prefix="consumer-kafka-"))
        seats.append(Seat(runtime, Node(directory, cluster_id, _merged({**places, **_habits(size)}, settings)), port))
    return seats


def _merged(ours: Settings, theirs: Settings) -> Settings:
    joined = {name: _joined(ours[name], theirs[name]) for name in _BY_LISTENER if name in theirs}
    return {**ours, **theirs, **joined}


def _joined(ours: str, theirs: str) -> str:
    """Lists of `NAME:...`, each name once."""
    named = {item.partition(":")[0]: item for item in f"{ours},{theirs}".split(",")}
    return ",".join(named.values())


def _places(number: int, port: int, quorum: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "listeners": f"PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{quorum}",
        "advertised.listeners": f"PLAINTEXT://{_HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
    }


def _habits(size: int) -> dict[str, str]:
    """How it differs from a broker in service: as many copies as there are brokers, and no waiting for strangers."""
    copies, enough = str(min(size, 3)), str(max(1, min(size, 3) - 1))
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": enough,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "5",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": enough,
        "transaction.state.log.num.partitions": "5",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": enough,
        "share.coordinator.state.topic.num.partitions": "1",
        # A broker killed and started again is let in once its former self is taken for dead: 13 s by default.
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.dedupe.buffer.size": "8388608",
        "num.io.threads": "4",
        "num.network.threads": "2",
    }


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on. All are held until the last is found, so that none is given twice."""
    with ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(_PORTS, len(_PORTS)):
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((_HOST, port))
            except OSError:
                continue
            ports.append(port)
            if len(ports) == count:
                return ports
    raise NoKafkaError(f"There are no {count} free ports from {_PORTS.start} to {_PORTS.stop}")


def _answers(port: int) -> bool:
    """Whether a Kafka request is answered: the port opens long before the broker is ready."""
    try:
        with socket.create_connection((_HOST, port), timeout=1) as link:
            link.sendall(_API_VERSIONS)
            return len(link.recv(4)) > 0
    except OSError:
        return False


def main() -> None:
    """Run one until Ctrl-C or SIGTERM."""
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell that starts it in the background has SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    try:
        with Broker() as broker:
            print(broker.bootstrap, flush=True)
            print("A Kafka answers there until Ctrl-C.", file=sys.stderr)
            signal.pause()
    except NoKafkaError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
