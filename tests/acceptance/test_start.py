"""What a consumer says before it starts to work, and the code that it ends with."""

import json
from collections.abc import Mapping

import pytest

from tests.acceptance import kafka_side
from tests.acceptance.kafka_side import HISTORY, TABLE, Names
from tests.acceptance.service import until
from tests.acceptance.stage import PARTITIONS, Stage, mail

SECRET = "c4n4ry"


async def test_everything_that_is_wrong_with_the_settings_is_said_at_once(stage: Stage) -> None:
    service = await stage.prepared(
        CONSUMER_KAFKA__BOOTSTRAP_SERVER=SECRET,
        CONSUMER_HTTP__PORT=SECRET,
        CONSUMER_SMTP__BODY_TIMEOUT=SECRET,
        CONSUMER_KAFKA__SASL_PASSWORD=SECRET,
        CONSUMER_TENANTS__FILE=f"/nowhere/{SECRET}",
    )
    service.start()
    assert await service.ended() == 78
    named = {line.split()[0] for line in service.said.splitlines()}
    assert named >= {
        "CONSUMER_KAFKA__BOOTSTRAP_SERVER",
        "CONSUMER_HTTP__PORT",
        "CONSUMER_SMTP__BODY_TIMEOUT",
        "CONSUMER_TENANTS__FILE",
    }
    assert "did you mean CONSUMER_KAFKA__BOOTSTRAP_SERVERS?" in service.said
    assert SECRET not in service.said


async def test_a_tenants_file_that_is_wrong_is_told_place_by_place(stage: Stage) -> None:
    stage.tenants_file.write_text(json.dumps({"tenants": {"acme": {"smtp_port": SECRET, "smtp_hots": SECRET}}}))
    service = await stage.prepared()
    service.start()
    assert await service.ended() == 78
    assert "tenants.acme.smtp_port" in service.said
    assert "did you mean smtp_host?" in service.said
    assert SECRET not in service.said


SHORT = {**HISTORY, "retention.ms": "3600000"}


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("requests", None, "is missing: run `consumer topics create`"),
        ("outcomes", None, "is missing: run `consumer topics create`"),
        ("parked", None, "is missing: run `consumer topics create`"),
        ("requests", SHORT, "--add-config retention.ms="),
        ("outcomes", SHORT, "--add-config retention.ms="),
        ("requests", TABLE, "--add-config cleanup.policy=delete"),
        ("parked", HISTORY, "--add-config cleanup.policy=compact"),
        ("outcomes", {**HISTORY, "retention.bytes": "1000000"}, "--add-config retention.bytes=-1"),
    ],
)
async def test_topics_that_would_break_a_promise_are_refused_with_the_way_to_mend_them(
    stage: Stage, kind: str, settings: Mapping[str, str] | None, said: str
) -> None:
    names = Names()
    topic = f"{names.prefix}.{kind}"
    made = {topic: settings} if settings else {}
    await kafka_side.make_topics(stage.bootstrap, names, PARTITIONS, made, but=() if settings else (topic,))
    line = await refused(stage, names)
    assert topic in line
    assert said in line


async def test_unequal_partition_counts_are_refused(stage: Stage) -> None:
    names = Names()
    await kafka_side.make_topics(stage.bootstrap, names, PARTITIONS, but=(names.outcomes,))
    await kafka_side.make_topics(stage.bootstrap, names, 1, but=(names.requests, names.parked))
    line = await refused(stage, names)
    assert f"{names.outcomes} has 1 partitions" in line
    assert "they must be equal" in line


async def refused(stage: Stage, names: Names) -> str:
    """What a consumer on these topics says as it refuses to start."""
    service = await stage.prepared(
        CONSUMER_TOPICS__REQUESTS=names.requests,
        CONSUMER_TOPICS__OUTCOMES=names.outcomes,
        CONSUMER_TOPICS__PARKED=names.parked,
    )
    service.start()
    assert await service.ended() == 78
    (line,) = service.lines()
    return str(line["errors"])


async def test_without_kafka_it_ends_with_69_in_bounded_time(stage: Stage) -> None:
    service = await stage.prepared(CONSUMER_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    service.start()
    assert await service.ended(40) == 69
    assert "Kafka cannot be reached" in service.said
    assert "Traceback" not in service.said


async def test_a_port_that_is_taken_ends_it_with_a_line_that_says_so(stage: Stage) -> None:
    service = await stage.prepared(CONSUMER_HTTP__PORT=str(stage.relay.port))
    service.start()
    assert await service.ended() == 69
    assert f"cannot listen on 127.0.0.1:{stage.relay.port} (CONSUMER_HTTP__HOST, CONSUMER_HTTP__PORT)" in service.said


async def test_tenants_change_while_it_runs_and_a_broken_file_leaves_them_as_they_were(stage: Stage) -> None:
    service = await stage.run()
    assert (await stage.asked(mail(), "early", tenant="new")).type == "unknown-tenant"
    stage.tenants["new"] = {"domain": "new.example"}
    stage.write_tenants()
    await until(lambda: sum(line["event"].startswith("tenants") for line in service.lines()))
    told = await stage.asked(mail(), "then", tenant="new")
    assert told.body["envelope"]["from"] == "no-reply@new.example"

    stage.tenants_file.write_text("{tenants: {new: {smtp_pass: c4n4ry")
    await until(lambda: [line for line in service.complaints() if line.startswith("tenants file broken")])
    assert (await stage.asked(mail(), "still", tenant="new")).status == 204
    assert (await service.metrics())["consumer_tenants_file_ok"] == 0
    assert (await service.get("/readyz"))[0] == 200
    assert SECRET not in service.said
    assert await service.stop() == 0


async def test_health_and_metrics_are_served(stage: Stage) -> None:
    service = await stage.run()
    assert await service.get("/healthz") == (200, "OK")
    assert await service.get("/api/v1/solution/health") == (200, "OK")
    status, text = await service.get("/readyz")
    assert (status, json.loads(text)["ready"]) == (200, True)
    before = await service.metrics()
    assert before["consumer_outcomes_total{outcome=accepted}"] == 0
    assert before["consumer_outcomes_total{outcome=unknown}"] == 0
    assert before["consumer_requests_total{type=email.send-email.v1}"] == 0
    assert before["consumer_send_stage_seconds_count{stage=body}"] == 0
    assert [name for name in before if name.startswith("consumer_build_info")]
    await stage.asked(mail(), "counted")
    await stage.requests.send(b"{")
    await stage.outcomes.reach(2)
    after = await service.metrics()
    assert after["consumer_outcomes_total{outcome=accepted}"] == 1
    assert (
        after["consumer_outcomes_total{outcome=invalid-event}"] + after["consumer_outcomes_total{outcome=invalid-json}"]
        == 1
    )
    assert after["consumer_send_stage_seconds_count{stage=body}"] == 1
    assert after["consumer_request_to_outcome_seconds_count{waited=no}"] == 2
    assert not [name for name in after if "acme" in name or "ann@" in name]
    assert await service.stop() == 0


async def test_over_the_limit_a_request_is_refused_and_told_when_to_come_again(stage: Stage) -> None:
    stage.tenants["few"] = {"hLimit": 2, "over_limit": "reject"}
    await stage.run()
    told = [await stage.asked(mail(), f"few-{number}", tenant="few") for number in range(3)]
    assert [one.status for one in told] == [204, 204, 429]
    assert told[2].type == "rate-limited"
    assert 3500 < told[2].body["retryAfter"] <= 3600


async def test_a_request_id_is_taken_once(stage: Stage) -> None:
    service = await stage.run()
    assert (await stage.asked(mail(), "same")).status == 204
    assert (await stage.asked(mail(), "same")).type == "duplicate"
    assert (await stage.asked(mail(subject="Other"), "same")).type == "conflict"
    service.kill()
    service.start()
    await service.ready()
    assert (await stage.asked(mail(), "same")).type == "duplicate"
    assert len(stage.relay.taken) == 1
