"""Each alert, fired and not fired by promtool: what it takes, and what is not enough."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from consumer.adapters.metrics import CallMetrics, Metrics
from devtools.dashboard import dashboard
from devtools.tools import NoToolError, promtool

pytestmark = pytest.mark.chart

RULES = Path(__file__).parents[2] / "monitoring/rules/consumer.yaml"
EVERY = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule["labels"]["severity"] for rule in EVERY if "alert" in rule}


@dataclass(frozen=True)
class Scene:
    """What it is about, when somebody looks, and the series: each as promtool writes it, a value a minute."""

    alert: str
    what: str
    at: str
    series: tuple[tuple[str, str], ...]
    fires: bool


def series(name: str, values: str, instance: str = "a:8080", **labels: str) -> tuple[str, str]:
    told = {"namespace": "mail", "job": "consumer", "instance": instance, **labels}
    return f"{name}{{{', '.join(f'{key}={chr(34)}{value}{chr(34)}' for key, value in told.items())}}}", values


def fires(alert: str, what: str, at: str, *given: tuple[str, str]) -> Scene:
    return Scene(alert, what, at, given, fires=True)


def quiet(alert: str, what: str, at: str, *given: tuple[str, str]) -> Scene:
    return Scene(alert, what, at, given, fires=False)


def timed(prompt: str, every: str, waited: str = "no") -> tuple[tuple[str, str], ...]:
    """Outcomes within 10 s, and all."""
    name = "consumer_request_to_outcome_seconds"
    return (
        series(f"{name}_bucket", prompt, waited=waited, le="10.0"),
        series(f"{name}_bucket", every, waited=waited, le="+Inf"),
        series(f"{name}_count", every, waited=waited),
    )


def outcomes(**kinds: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        series("consumer_outcomes_total", values, outcome=kind.replace("_", "-")) for kind, values in kinds.items()
    )


def slow(name: str, fast: str, every: str, boundary: str) -> tuple[tuple[str, str], ...]:
    """A histogram with what is below the boundary, and all."""
    return series(f"{name}_bucket", fast, le=boundary), series(f"{name}_bucket", every, le="+Inf")


def parked(values: str, reason: str) -> tuple[str, str]:
    return series("consumer_parked", values, reason=reason)


def calls(**statuses: str) -> tuple[tuple[str, str], ...]:
    name, asked = "consumer_ingress_calls_total", "email.send-email.v1"
    return tuple(series(name, values, operation=asked, status=status.strip("_")) for status, values in statuses.items())


def errors(values: str, why: str = "kafka-away") -> tuple[tuple[str, str], ...]:
    return (series("consumer_ingress_publish_errors_total", values, why=why),)


INGRESS = series("consumer_ingress_build_info", "1x3000", version="1", python="3")
ROOM = series("consumer_ingress_room", "500x3000")
GONE, FULL = "EmailConsumerIngressAbsent", "EmailConsumerIngressFull"
UNPUBLISHED, LATE_ANSWERS = "EmailConsumerIngressCannotPublish", "EmailConsumerIngressAnswersLate"
BUILD = series("consumer_build_info", "1x3000", version="1", python="3")
STALLED, LAG = "consumer_stalled_seconds", "consumer_lag_records"
LOOP = "consumer_event_loop_lag_seconds"
LATE, LATE_SLOWLY = "EmailConsumerOutcomesLate", "EmailConsumerOutcomesLateSlowly"
STILL, STILL_OFTEN = "EmailConsumerStandsStill", "EmailConsumerStandsStillOften"

SCENES = (
    fires(LATE, "a fifth late for an hour", "70m", *timed("0+80x100", "0+100x100")),
    quiet(LATE, "a twentieth late for an hour", "70m", *timed("0+95x100", "0+100x100")),
    quiet(LATE, "two late of five in a quiet night", "70m", *timed("0x20 0+1x3 3x100", "0x20 0+2x2 5x100")),
    quiet(LATE, "late once, and well since", "70m", *timed("0+0x20 0+100x100", "0+100x120")),
    quiet(LATE, "only what was parked is late", "70m", *timed("0+0x100", "0+100x100", waited="yes")),
    fires(LATE_SLOWLY, "four in a hundred late for hours", "8h", *timed("0+96x500", "0+100x500")),
    quiet(LATE_SLOWLY, "one in two hundred late", "8h", *timed("0+199x500", "0+200x500")),
    fires(
        STILL, "one of two partitions stands for three minutes", "35m", series(STALLED, "0x30 40 100 160 220 280 340")
    ),
    quiet(STILL, "twenty seconds are not yet standing still", "35m", series(STALLED, "20x60")),
    fires(STILL_OFTEN, "a minute or two every two hours", "8h", series(STALLED, " ".join(["0x117", "40x1"] * 5))),
    quiet(STILL_OFTEN, "a minute, and well since", "8h", series(STALLED, "0x60 40 0x500")),
    fires("EmailConsumerAbsent", "gone since", "30m", series("consumer_build_info", "1x10")),
    fires("EmailConsumerAbsent", "never there", "10m", series("up", "1x10")),
    quiet("EmailConsumerAbsent", "one is there", "30m", BUILD),
    quiet(
        "EmailConsumerAbsent",
        "one went and another came",
        "30m",
        BUILD,
        series("consumer_build_info", "1x10", "b:8080"),
    ),
    fires("EmailConsumerNothingAssigned", "nobody has any", "10m", series("consumer_assigned_partitions", "0x10")),
    quiet(
        "EmailConsumerNothingAssigned",
        "one has some, and one is to spare",
        "10m",
        series("consumer_assigned_partitions", "6x10"),
        series("consumer_assigned_partitions", "0x10", "b:8080"),
    ),
    fires(
        "EmailConsumerFallsBehind",
        "20 minutes of work lie there",
        "30m",
        series(LAG, "72000x40", partition="0"),
        series("consumer_requests_total", "0+3600x40", type="email.send-email.v1"),
    ),
    fires(
        "EmailConsumerFallsBehind",
        "nothing is taken at all",
        "30m",
        series(LAG, "0+100x40", partition="0"),
        series("consumer_requests_total", "0x40", type="email.send-email.v1"),
    ),
    quiet(
        "EmailConsumerFallsBehind",
        "a minute of work lies there",
        "30m",
        series(LAG, "3600x40", partition="0"),
        series("consumer_requests_total", "0+3600x40", type="email.send-email.v1"),
    ),
    quiet(
        "EmailConsumerFallsBehind",
        "nothing lies there and nothing comes",
        "30m",
        series(LAG, "0x40", partition="0"),
        series("consumer_requests_total", "0x40", type="email.send-email.v1"),
    ),
    fires("EmailConsumerUnknownOutcomes", "two in a hundred", "40m", *outcomes(accepted="0+98x60", unknown="0+2x60")),
    quiet("EmailConsumerUnknownOutcomes", "one in a thousand", "40m", *outcomes(accepted="0+999x60", unknown="0+1x60")),
    quiet("EmailConsumerUnknownOutcomes", "three, once", "40m", *outcomes(accepted="0x60", unknown="0x20 3x40")),
    fires("EmailConsumerRequestsExpire", "one did", "30m", *outcomes(expired="0x20 1x40")),
    quiet("EmailConsumerRequestsExpire", "none did", "30m", *outcomes(expired="7x60", rejected="0+9x60")),
    fires(
        "EmailConsumerDependencyAway",
        "the vault is",
        "12m",
        parked("3x20", "vault-unavailable"),
    ),
    quiet(
        "EmailConsumerDependencyAway",
        "a full window is none",
        "12m",
        parked("3x20", "window"),
    ),
    fires("EmailConsumerRelayNotAllowed", "one waits", "20m", parked("1x30", "not-allowed")),
    quiet("EmailConsumerRelayNotAllowed", "a relay that is down is another thing", "20m", parked("1x30", "retry")),
    fires("EmailConsumerRetriesPileUp", "more and more", "65m", parked("0+10x90", "retry")),
    quiet("EmailConsumerRetriesPileUp", "many, but fewer", "65m", parked("900-5x90", "retry")),
    quiet("EmailConsumerRetriesPileUp", "a few more", "65m", parked("0+1x90", "retry")),
    fires(
        "EmailConsumerTenantBounces", "one does", "40m", series("consumer_bouncing_tenants", "1x60", level="critical")
    ),
    quiet(
        "EmailConsumerTenantBounces",
        "a warning is none",
        "40m",
        series("consumer_bouncing_tenants", "1x60", level="warning"),
    ),
    fires(
        "EmailConsumerFeedbackUnusable",
        "all of it",
        "90m",
        series("consumer_feedback_total", "0+1x120", feedback="unusable"),
    ),
    quiet(
        "EmailConsumerFeedbackUnusable",
        "one in a hundred",
        "90m",
        series("consumer_feedback_total", "0+1x120", feedback="unusable"),
        series("consumer_feedback_total", "0+99x120", feedback="bounce"),
    ),
    fires("EmailConsumerAttachmentsNeedRoom", "one waits", "20m", parked("1x30", "attachment-room")),
    quiet("EmailConsumerAttachmentsNeedRoom", "a full window is no room", "20m", parked("1x30", "window")),
    fires(
        "EmailConsumerRelaysLeftAlone", "one is", "40m", series("consumer_circuits_open", "1x60", cause="credentials")
    ),
    quiet(
        "EmailConsumerRelaysLeftAlone",
        "ten minutes",
        "40m",
        series("consumer_circuits_open", "0x20 1x10 0x30", cause="failing"),
    ),
    fires("EmailConsumerProducersBroken", "a third", "40m", *outcomes(accepted="0+2x60", invalid_event="0+1x60")),
    quiet("EmailConsumerProducersBroken", "rejected is none", "40m", *outcomes(accepted="0+2x60", rejected="0+1x60")),
    fires("EmailConsumerTenantsFileBroken", "it is", "7m", series("consumer_tenants_file_ok", "1 0x20")),
    quiet("EmailConsumerTenantsFileBroken", "mended soon", "7m", series("consumer_tenants_file_ok", "1 0x2 1x20")),
    fires("EmailConsumerConfigApiAway", "it is", "12m", series("consumer_config_api_ok", "1 0x20")),
    quiet("EmailConsumerConfigApiAway", "it is there", "12m", series("consumer_config_api_ok", "1x20")),
    fires(
        "EmailConsumerTenantsVanished",
        "from 40 to 3",
        "68m",
        series("consumer_tenants", "40x60 3x60"),
        series("process_start_time_seconds", "0x120"),
    ),
    quiet(
        "EmailConsumerTenantsVanished",
        "a process that just started knows few",
        "68m",
        series("consumer_tenants", "40x60 3x60"),
        series("process_start_time_seconds", "0x60 3600x60"),
    ),
    quiet(
        "EmailConsumerTenantsVanished",
        "a few less",
        "68m",
        series("consumer_tenants", "40x60 36x60"),
        series("process_start_time_seconds", "0x120"),
    ),
    fires(
        "EmailConsumerTakesOverAgainAndAgain",
        "one a minute",
        "40m",
        series("consumer_takeovers_total", "0+1x60"),
        series("consumer_assigned_partitions", "6x60"),
    ),
    quiet(
        "EmailConsumerTakesOverAgainAndAgain",
        "a rolling restart",
        "40m",
        series("consumer_takeovers_total", "0x30 0+6x2 12x60"),
        series("consumer_assigned_partitions", "6x60"),
    ),
    fires(
        "EmailConsumerRestarts", "three times", "25m", BUILD, series("process_start_time_seconds", "0x5 1x5 2x5 3x20")
    ),
    quiet("EmailConsumerRestarts", "once", "25m", BUILD, series("process_start_time_seconds", "0x5 1x40")),
    quiet(
        "EmailConsumerRestarts", "another's process", "25m", series("process_start_time_seconds", "0x5 1x5 2x5 3x20")
    ),
    fires(
        "EmailConsumerRestarts",
        "a parent of workers",
        "25m",
        BUILD,
        series("process_start_time_seconds", "0x5 1x5 2x5 3x20", worker="parent"),
    ),
    quiet(
        "EmailConsumerRestarts",
        "a worker, whose parent stays",
        "25m",
        BUILD,
        series("process_start_time_seconds", "0x40", worker="parent"),
        series("process_start_time_seconds", "0x5 1x5 2x5 3x20", worker="1"),
    ),
    fires(
        "EmailConsumerWorkersRestart",
        "three times",
        "25m",
        series("consumer_worker_restarts_total", "0x5 1x5 2x5 3x20"),
    ),
    quiet("EmailConsumerWorkersRestart", "once", "25m", series("consumer_worker_restarts_total", "0x5 1x40")),
    quiet(
        "EmailConsumerWorkersRestart",
        "its parent was replaced, and counts anew",
        "25m",
        series("consumer_worker_restarts_total", "9x5 0x5 1x40"),
    ),
    fires(
        "EmailConsumerLoopBlocked",
        "by seconds",
        "20m",
        *slow(LOOP, "0x40", "0+9x40", "2.5"),
    ),
    quiet("EmailConsumerLoopBlocked", "by ms", "20m", *slow(LOOP, "0+9x40", "0+9x40", "0.01")),
    fires(
        "EmailConsumerTransactionsSlow", "by seconds", "20m", *slow("consumer_tick_seconds", "0x40", "0+9x40", "5.0")
    ),
    quiet("EmailConsumerTransactionsSlow", "by ms", "20m", *slow("consumer_tick_seconds", "0+9x40", "0+9x40", "0.025")),
    fires(
        "EmailConsumerFilesRunOut",
        "nine of ten",
        "10m",
        BUILD,
        series("process_open_fds", "900x20"),
        series("process_max_fds", "1000x20"),
    ),
    quiet(
        "EmailConsumerFilesRunOut",
        "one of ten",
        "10m",
        BUILD,
        series("process_open_fds", "100x20"),
        series("process_max_fds", "1000x20"),
    ),
    fires(
        "EmailConsumerFilesRunOut",
        "nine of ten of an ingress",
        "10m",
        INGRESS,
        series("process_open_fds", "900x20"),
        series("process_max_fds", "1000x20"),
    ),
    fires(GONE, "gone since", "30m", series("consumer_ingress_build_info", "1x10")),
    quiet(GONE, "one is there", "30m", INGRESS),
    quiet(GONE, "nobody ever had one", "30m", BUILD),
    fires(UNPUBLISHED, "one in ten", "15m", *calls(_200="0+90x20", _503="0+10x20"), *errors("0+10x20")),
    quiet(UNPUBLISHED, "one in fifty", "15m", *calls(_200="0+98x20", _503="0+2x20"), *errors("0+2x20")),
    quiet(UNPUBLISHED, "only too large", "15m", *calls(_413="0+10x20"), *errors("0+10x20", "too-large")),
    fires(FULL, "450 of 500", "10m", series("consumer_ingress_in_flight", "450x20"), ROOM),
    quiet(FULL, "a peak of a minute", "10m", series("consumer_ingress_in_flight", "10x8 500 10x10"), ROOM),
    fires(LATE_ANSWERS, "a third", "40m", *calls(_200="0+20x60", _202="0+10x60")),
    quiet(LATE_ANSWERS, "a tenth", "40m", *calls(_200="0+90x60", _202="0+10x60")),
    quiet(LATE_ANSWERS, "one in a quiet night", "40m", *calls(_200="0x60", _202="0x10 1x50")),
)


@pytest.fixture
def judge() -> Path:
    try:
        return promtool()
    except NoToolError as error:
        pytest.skip(str(error))


def test_promtool_takes_the_rules(judge: Path) -> None:
    done = subprocess.run([judge, "check", "rules", RULES], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(EVERY)} rules found" in done.stdout


def test_promtool_understands_what_the_dashboard_asks(judge: Path, tmp_path: Path) -> None:
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    rules = [
        {"record": f"panel:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(asked)
    ]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([judge, "check", "rules", file], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert len(rules) > 30


@pytest.mark.parametrize("metrics", [Metrics, CallMetrics])
def test_promtool_has_nothing_to_say_against_our_metrics(
    judge: Path, metrics: type[Metrics] | type[CallMetrics]
) -> None:
    served = generate_latest(metrics().registry)
    done = subprocess.run([judge, "check", "metrics"], input=served, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires_when_it_must_and_only_then(judge: Path, tmp_path: Path, alert: str) -> None:
    scenes = [scene for scene in SCENES if scene.alert == alert]
    assert {scene.fires for scene in scenes} == {True, False}
    file = tmp_path / "test.yaml"
    tests = [_tested(scene) for scene in scenes]
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([judge, "test", "rules", file], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _tested(scene: Scene) -> dict[str, object]:
    """The scene as promtool reads it. What it is about stands in the question, which promtool repeats where it fails."""
    chosen = f'alertname="{scene.alert}", alertstate="firing", what!="{scene.what}"'
    firing = f"count by (alertname, severity) (ALERTS{{{chosen}}})"
    found = {"labels": f'{{alertname="{scene.alert}", severity="{ALERTS[scene.alert]}"}}', "value": 1}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in scene.series],
        "promql_expr_test": [{"expr": firing, "eval_time": scene.at, "exp_samples": [found] if scene.fires else []}],
    }
