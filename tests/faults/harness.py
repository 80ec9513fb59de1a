"""A scene: a real Kafka, a relay that writes everything down, consumers as processes, and a judge outside of them all."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devtools.child import ALLOWED_HERE
from tests.faults.figures import PARTITIONS, SESSION
from tests.faults.judge import Limit, Verdict, judge
from tests.faults.kafka_side import Outcomes, Producer, Request, committed, parked, producing, reading
from tests.faults.members import Member, RelayProcess
from tests.faults.table import Row, rows

PACE = {
    "CONSUMER_KAFKA__SESSION_TIMEOUT": f"{SESSION}s",
    "CONSUMER_KAFKA__HEARTBEAT_INTERVAL": "500ms",
    "CONSUMER_KAFKA__TRANSACTION_TIMEOUT": "4s",
    "CONSUMER_KAFKA__REQUEST_TIMEOUT": "5s",
    "CONSUMER_WORK__GRANT_LIFETIME": "2s",
    "CONSUMER_WORK__DRAIN_WITHIN": "5s",
}
"""Short enough that many faults fit into a minute, in the proportions of the defaults."""

UNLIMITED = 10**9
TENANTS = "tenants.json"


def tenants(number: int = 20) -> dict[str, Limit | None]:
    """Some without a limit that matters, some with a wide one, some with one that makes them wait."""
    kinds = (None, Limit(400, 1.0), Limit(60, 0.5), Limit(25, 0.25))
    return {f"t{index:02}": kinds[index % len(kinds)] for index in range(number)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scene is made of. `limits` are those of the tenants, by name; the relay is `latency` milliseconds away."""

    folder: Path
    bootstrap: str
    seed: int = 1
    members: int = 2
    limits: Mapping[str, Limit | None] = field(default_factory=tenants)
    latency: int = 0
    relay_port: int | None = None
    consumer_bootstrap: str | None = None
    static: bool = True
    copies: int = 1
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    about_tenants: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])


@dataclass(slots=True)
class Scene:
    """One of these stands for one run of one fault."""

    plan: Plan
    name: str
    dice: Random
    relay: RelayProcess
    producer: Producer
    outcomes: Outcomes
    members: list[Member] = field(default_factory=list[Member])
    injected: int = 0
    open_intents: int | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def group(self) -> str:
        return f"{self.name}-group"

    @property
    def topic(self) -> str:
        return f"{self.name}.requests"

    @property
    def asked(self) -> int:
        return len(self.producer.origins)

    # requests

    def requests(self, number: int, names: Sequence[str] | None = None, **more: object) -> list[Request]:
        """So many for these tenants, at random, all with ids of their own, and with `more` in each."""
        names = names or list(self.plan.limits)
        return [
            Request(f"r-{uuid.UUID(int=self.dice.getrandbits(128))}", self.dice.choice(names), more=more)
            for _ in range(number)
        ]

    async def ask(self, number: int, names: Sequence[str] | None = None, **more: object) -> None:
        await self.producer.send(self.requests(number, names, **more))

    def forget(self, tenant: str) -> None:
        """Its requests need no outcome."""
        for origin in [one for one, name in self.producer.tenants.items() if name == tenant]:
            self.producer.origins.pop(origin, None)

    async def reach(self, answered: int, within: float) -> None:
        """Wait until so many requests have an outcome. Nobody may end by itself, and nothing take longer than that."""
        deadline = time.monotonic() + within
        while not await self.outcomes.reach(answered, 1.0):
            dead = [member.log.name for member in self.members if member.died]
            assert not dead, f"ended by themselves: {dead}"
            assert time.monotonic() < deadline, f"{self.outcomes.answered} of {answered} answered, {self.verdict()}"

    async def until_parked(self, number: int, within: float) -> None:
        """Wait until so many are parked, and nothing else is under way."""
        deadline = time.monotonic() + within
        while (found := await parked(self.plan.bootstrap, f"{self.name}.parked")) < number:
            assert time.monotonic() < deadline, f"{found} of {number} are parked"
            await asyncio.sleep(0.5)

    async def all_answered(self, within: float) -> None:
        await self.reach(self.asked, within)

    # members

    def join(self, twin_of: Member | None = None, relay_port: int | None = None) -> Member:
        """One more consumer; one that takes itself for another if it is to be its twin; one with a relay of its own."""
        member = self._member(len(self.members))
        if twin_of is not None:
            member.environment = {**member.environment, "CONSUMER_KAFKA__GROUP_INSTANCE_ID": twin_of.name}
        if relay_port is not None:
            file = _write_tenants(self.plan, relay_port, f"{member.name}.json")
            member.environment = {**member.environment, "CONSUMER_TENANTS__FILE": str(file)}
        self.members.append(member)
        member.start()
        return member

    async def kill(self, member: Member) -> None:
        """With SIGKILL, counting the intents that it leaves open, and start it again."""
        member.kill()
        self.injected += 1
        await self.count_intents(member)
        member.start()

    async def count_intents(self, member: Member) -> None:
        """Those that it has left: at most so many may be in doubt for it."""
        left = await self._left_by(member)
        while (later := await self._left_by(member)) != left:  # the broker still ends a commit that had been asked for
            left = later
        self.open_intents = (self.open_intents or 0) + sum(map(len, left.values()))

    async def _left_by(self, member: Member) -> dict[int, tuple[int, ...]]:
        await asyncio.sleep(0.3)
        found = await committed(self.plan.bootstrap, self.group, self.topic)
        return {
            partition: metadata.intents for partition, (_, metadata) in found.items() if partition in member.assigned
        }

    async def positions(self) -> dict[int, int]:
        """The committed offsets."""
        found = await committed(self.plan.bootstrap, self.group, self.topic)
        return {partition: offset for partition, (offset, _) in found.items()}

    def _member(self, index: int) -> Member:
        name = f"member-{index}"
        environment = {
            **PACE,
            **ALLOWED_HERE,
            "CONSUMER_KAFKA__BOOTSTRAP_SERVERS": self.plan.consumer_bootstrap or self.plan.bootstrap,
            "CONSUMER_KAFKA__GROUP_ID": self.group,
            "CONSUMER_KAFKA__CLIENT_ID": f"email-consumer-{name}",
            "CONSUMER_TOPICS__REQUESTS": self.topic,
            "CONSUMER_TOPICS__OUTCOMES": f"{self.name}.outcomes",
            "CONSUMER_TOPICS__PARKED": f"{self.name}.parked",
            "CONSUMER_TENANTS__FILE": str(self.plan.folder / TENANTS),
            "CONSUMER_SMTP__ALLOW_PLAINTEXT": "true",
            "CONSUMER_HTTP__PORT": "0",
            **self.plan.settings,
        }
        if self.plan.static:
            environment["CONSUMER_KAFKA__GROUP_INSTANCE_ID"] = name
        return Member(name, self.plan.folder / f"{name}.log", environment)

    # the end

    def verdict(self) -> Verdict:
        limits = {name: limit for name, limit in self.plan.limits.items() if limit is not None}
        return judge(self.producer.origins, self.outcomes.all, self.relay.taken(), limits)

    def row(self, fault: str, note: str = "") -> tuple[Row, Verdict]:
        """What came of it, also for the table at the end of the run."""
        verdict = self.verdict()
        self._write_outcomes()
        row = Row(
            fault,
            self.injected,
            self.asked,
            len(verdict.missing),
            len(verdict.second_outcomes),
            len(verdict.second_sends),
            len(verdict.in_doubt),
            verdict.in_doubt_and_taken,
            self.open_intents,
            verdict.over_limit,
            self.outcomes.gap(self.began),
            note,
        )
        rows.append(row)
        return row, verdict

    def _write_outcomes(self) -> None:
        """Beside the logs: a red run is understood from what it leaves."""
        with (self.plan.folder / "outcomes.jsonl").open("w") as file:
            file.writelines(json.dumps(asdict(told)) + "\n" for told in self.outcomes.all)


@asynccontextmanager
async def staged(plan: Plan) -> AsyncGenerator[Scene]:
    """Everything up, in the order in which it is needed; all of it gone at the end."""
    name, dice = f"s{uuid.uuid4().hex[:8]}", Random(plan.seed)  # noqa: S311  a run that can be had again
    await _make_topics(plan, name)
    async with AsyncExitStack() as stack:
        relay = RelayProcess(plan.folder, plan.latency)
        if plan.relay_port is None:
            await relay.start()
            stack.callback(relay.close)
        _write_tenants(plan, plan.relay_port or relay.port, TENANTS)
        producer = await stack.enter_async_context(producing(plan.bootstrap, f"{name}.requests", dice))
        outcomes = await stack.enter_async_context(reading(plan.bootstrap, f"{name}.outcomes"))
        scene = Scene(plan, name, dice, relay, producer, outcomes)
        stack.callback(_end, scene)
        for _ in range(plan.members):
            scene.join()
        yield scene


def _end(scene: Scene) -> None:
    for member in scene.members:
        if member.running:
            member.kill()


def _write_tenants(plan: Plan, port: int, name: str) -> Path:
    default = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_scheme": "plain", "hLimit": UNLIMITED}
    found: dict[str, object] = {}
    for tenant, limit in plan.limits.items():
        limits = [] if limit is None else [{"count": limit.count, "per": limit.per}]
        found[tenant] = {"domain": f"{tenant}.example", "limits": limits, **plan.about_tenants.get(tenant, {})}
    file = plan.folder / name
    file.write_text(json.dumps({"default": default, "tenants": found}))  # JSON is YAML
    return file


async def _make_topics(plan: Plan, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=plan.bootstrap)
    await admin.start()
    history = {"cleanup.policy": "delete", "retention.ms": "604800000"}
    kinds = {"requests": history, "outcomes": history, "parked": {"cleanup.policy": "compact"}}
    topics = [NewTopic(f"{name}.{kind}", PARTITIONS, plan.copies, topic_configs=made) for kind, made in kinds.items()]
    try:
        async with asyncio.timeout(30):
            await admin.create_topics(topics)
            while not {topic.name for topic in topics} <= set(await admin.list_topics()):  # noqa: ASYNC110  Kafka sends no signal
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


def kept(folder: Path) -> Path:
    """Where the logs of a scene lie: kept for people who look, if FAULTS_KEEP names a folder."""
    keep = os.environ.get("FAULTS_KEEP")
    if keep is None:
        return folder
    place = Path(keep) / f"{folder.parent.name}-{folder.name}"  # two runs in one would be judged as one
    place.mkdir(parents=True, exist_ok=True)
    return place
