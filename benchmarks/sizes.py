"""`python -m benchmarks.sizes`: octets of what the consumer writes, and memory of what it remembers.

Records are those of the consumer's own encoders, in batches as the library writes them, before any compression. Memory is
what Python allocates for a hundred thousand of a kind (tracemalloc), divided by their number. What the system gives for it
is a little more, for each object is rounded up to 16 octets: that is measured for a million parked requests.
"""

import gc
import multiprocessing
import platform
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.adapters.kafka.entries import write_entry
from consumer.adapters.kafka.suppressions import write
from consumer.core.encode import outcome_event
from consumer.core.ids import Ids, Use, fingerprint
from consumer.core.outcome import Accepted, Invalid, Outcome, Subject
from consumer.core.parking import Entry, Parking, Progress, Reason
from consumer.core.record import Coordinates, Headers
from consumer.core.suppression import Kind, Policy, Remembered, Suppression
from consumer.core.suppression_list import Gathered, Listed, SuppressionList
from consumer.core.tenant import Limit
from consumer.core.window import Windows

MANY = 100_000
IN_A_BATCH = 100
NOW = 1_795_282_583.859
TENANT, ID = "acme", "5f0c7f3e-4c1d-4c53-9a55-2c1f6e0f7a10"
"""A name of four letters, and an id as uuid4 makes them."""

Written: TypeAlias = tuple[bytes | None, bytes | None, Headers]


def outcome(made: Outcome) -> Written:
    subject = Subject(Coordinates(3, 1_234_567), Coordinates(3, 1_234_567), TENANT, ID, "email.send-email.v1")
    sent = ((NOW, 1),) if isinstance(made, Accepted) else ()
    headers, value = outcome_event(
        subject, made, source="/email-consumer/email.requests/3/1234567", now=NOW, digest=bytes(16), sent=sent
    )
    return TENANT.encode(), value, headers


def accepted(recipients: int) -> Written:
    to = tuple(f"recipient-{number:03d}@example.com" for number in range(recipients))
    message_id = "<39ead1f4d52c864ba040ba3b69dfb8e4@acme.example>"
    return outcome(
        Accepted(to, (), "no-reply@acme.example", "250 2.0.0 Ok: queued as 4Zk3bQ1fXjz9rxH", message_id, NOW)
    )


def entry(offset: int = 1_234_567, request_id: str = ID, tenant: str = TENANT) -> Entry:
    """A request whose relay was not reached twice."""
    progress = Progress(attempts=2, last_reason="unreachable")
    at = Coordinates(3, offset)
    return Entry(offset, at, tenant, request_id, bytes(16), NOW + 300, NOW + 86_400, Reason.RETRY, progress)


def parked() -> Written:
    key, value = write_entry(entry())
    return key, value, ()


def suppression() -> Suppression:
    at = int(NOW)
    return Suppression(Kind.BOUNCE, "5.1.1", at, at, at + 7_776_000, 1, 0, (Remembered(at, Kind.BOUNCE, bytes(8)),))


def suppressed() -> Written:
    ((key, value),) = write(Gathered((Listed(bytes(16), suppression(), TENANT, "0123abcd"),)))
    return key, value, ()


RECORDS: tuple[tuple[str, Callable[[], Written]], ...] = (
    ("outcome: accepted, one recipient", lambda: accepted(1)),
    ("outcome: accepted, ten recipients", lambda: accepted(10)),
    ("outcome: invalid, one error", lambda: outcome(Invalid("invalid-request", ("/subject: expected one line",)))),
    ("parked entry, tried twice", parked),
    ("the end of a parked entry (tombstone)", lambda: (b"1234567", None, ())),
    ("suppression record, one bounce", suppressed),
)


def octets(written: Written, number: int) -> float:
    """Of a record in a batch of so many like it, with its part of the batch's head."""
    key, value, headers = written
    batch = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=1,
        producer_id=1,
        producer_epoch=1,
        base_sequence=0,
        batch_size=2**24,
    )
    for offset in range(number):
        batch.append(offset, timestamp=int(NOW * 1000) + offset, key=key, value=value, headers=list(headers))
    return len(batch.build()) / number


def remembered_ids(many: int) -> object:
    ids = Ids(86_400.0)
    for number in range(many):
        at = Coordinates(3, number)
        ids.end(fingerprint(TENANT, f"{ID}{number}"), at, number.to_bytes(16), use=Use.USED, at=NOW + number)
    return ids


def waiting(many: int) -> object:
    """Parked requests of a thousand tenants, each with its id, which is taken while it waits."""
    parking = Parking(3)
    ids = Ids(86_400.0, parking.holder)
    for number in range(many):
        one = entry(number, str(UUID(int=UUID(ID).int + number)), f"tenant-{number % 1000}")
        mark = fingerprint(one.tenant, one.id)
        ids.open(mark, one.origin, one.digest, offset=number)
        parking.add(one, held=ids.park(mark, number))
    return parking, ids


def send_times(many: int) -> object:
    windows = Windows(3600.0)
    limits = (Limit(many, 3600.0),)
    for number in range(many):
        windows.take(number, 1, limits, NOW + number / 1000)
        windows.sent(number, 1, NOW + number / 1000)
    return windows


def listed(many: int) -> object:
    policy = Policy(key=b"0123456789abcdef")
    found = SuppressionList(policy)
    for number in range(many):
        found.restore(Listed(number.to_bytes(16), suppression(), TENANT, policy.key_id), NOW)
    return found


MEMORY: tuple[tuple[str, Callable[[int], object]], ...] = (
    ("a remembered request id", remembered_ids),
    ("a parked request, with its id", waiting),
    ("a send in one window", send_times),
    ("a suppressed recipient", listed),
)


def memory(make: Callable[[int], object], many: int = MANY) -> float:
    """Octets for each of so many."""
    gc.collect()
    tracemalloc.start()
    kept = make(many)
    gc.collect()
    octets_, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return octets_ / many


def resident(make: Callable[[int], object], many: int) -> float:
    """Octets of the system's for each of so many, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(_resident, (make, many))


def _resident(make: Callable[[int], object], many: int) -> float:
    gc.collect()
    before = _held()
    kept = make(many)
    gc.collect()
    after = _held()
    del kept
    return (after - before) / many


def _held() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


def in_six(many: int) -> object:
    """Parked requests in as many partitions as a process often has."""
    return [waiting(many // 6) for _ in range(6)]


def records() -> Iterable[str]:
    """Rows of the table, as docs/scaling.md has them."""
    for name, make in RECORDS:
        yield f"| {name} | {octets(make(), 1):.0f} | {octets(make(), IN_A_BATCH):.0f} |"


def main() -> None:
    print(f"| record | alone | in a batch of {IN_A_BATCH} |\n|---|---|---|")
    print("\n".join(records()))
    print(f"\n| in memory (Python {platform.python_version()}) | octets |\n|---|---|")
    for name, make in MEMORY:
        print(f"| {name} | {memory(make):.0f} |")
    print(
        f"\nresident: {resident(in_six, 1_000_000):.0f} octets for each of a million parked requests in six partitions"
    )


if __name__ == "__main__":
    main()
