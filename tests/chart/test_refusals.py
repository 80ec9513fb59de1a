"""Values that cannot work are refused before anything is deployed, all at once, each with what to do."""

import re
from pathlib import Path

import pytest

from tests.chart.render import refused, rendered

pytestmark = [pytest.mark.chart, pytest.mark.usefixtures("with_helm")]

HERE = Path(__file__).parent / "values"
LEAST = HERE / "least.yaml"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("replica=3", "replica"),
        ("image.repo=x", "repo"),
        ("settings.kafka.bootstrap_server=k:1", "bootstrap_server"),
        ("settings.kafka.sasl_password=c4n4ry", "sasl_password"),
        ("settings.smpt.idle=3s", "smpt"),
        ("settings.work.drain_within=soon", "drain_within"),
        ("settings.log.level=loud", "level"),
        ("fromSecret.kafka.sasl_pasword.name=x", "sasl_pasword"),
        ("fromSecret.kafka.sasl_password.name=x", "key"),
        ("probes.liveness.period=3", "period"),
        ("autoscaling.kind=keta", "kind"),
        ("autoscaling.keda.lag=3", "lag"),
        ("podDisruptionBudget.maxUnavailable=all", "maxUnavailable"),
        ("podDisruptionBudget.maxUnavailable=0", "maxUnavailable"),
        ("image.digest=abc", "digest"),
        ("networkPolicy.smtpPorts={99999}", "smtpPorts"),
        ("kind=DaemonSet", "kind"),
    ],
)
def test_a_value_that_is_misspelt_or_impossible_is_named(wrong: str, named: str) -> None:
    said = refused(LEAST, "--set", wrong)
    assert "values don't meet the specifications of the schema" in said
    assert named in said


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("settings.kafka.bootstrap_servers=", "settings.kafka.bootstrap_servers has to be set"),
        ("settings.kafka.bootstrap_servers=kafka", "settings.kafka.bootstrap_servers has to be host:port"),
        ("settings.kafka.bootstrap_servers=kafka:9092\\,other", "has to be host:port"),
        (
            "settings.work.parked=5,extraEnv[0].name=CONSUMER_WORK__PARKED,extraEnv[0].value=6",
            "extraEnv says CONSUMER_WORK__PARKED, and so does settings.work.parked: leave one",
        ),
        ("settings.tenants.url=", "no tenants: set one of"),
        ("tenants.default.domain=x.example", "tenants come from tenants and settings.tenants.url: leave one"),
        ("replicas=7", "replicas is 7, but 6 partitions"),
        ("replicas=3,settings.work.workers=4", "replicas is 3 with 4 workers each (settings.work.workers), but 6 part"),
        ("settings.work.workers=4,autoscaling.kind=keda,autoscaling.maxReplicas=2", "maxReplicas is 2 with 4 workers"),
        ("autoscaling.kind=keda,autoscaling.maxReplicas=7", "autoscaling.maxReplicas is 7, but 6 partitions"),
        ("autoscaling.kind=keda,autoscaling.minReplicas=5,autoscaling.maxReplicas=4", "minReplicas must be at most"),
        ("autoscaling.kind=hpa,resources.requests.cpu=", "needs resources.requests.cpu"),
        ("terminationGracePeriodSeconds=29", "must be at least 30: settings.work.drain_within"),
        ("settings.work.drain_within=5m,terminationGracePeriodSeconds=300", "must be at least 310"),
        ("podMonitor.enabled=true,serviceMonitor.enabled=true", "would both scrape each pod"),
        ("settings.kafka.group_instance_id=one", "two pods would share it"),
        ("settings.http.port=0", "settings.http.port must not be 0"),
        ("settings.http.host=127.0.0.1", "settings.http.host must be reachable"),
        (
            "fromSecret.smtp.ca_file.name=a,fromSecret.smtp.ca_file.key=b,settings.smtp.ca_file=/x",
            "is set elsewhere too",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(wrong: str, rule: str) -> None:
    assert rule in refused(LEAST, "--set", wrong)


@pytest.mark.parametrize(
    "fits", ["replicas=6", "settings.topics.partitions=7,replicas=7", "terminationGracePeriodSeconds=30"]
)
def test_what_just_fits_is_taken(fits: str) -> None:
    assert rendered(LEAST, "--set", fits)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = "settings.kafka.bootstrap_servers=,settings.tenants.url=,replicas=9,terminationGracePeriodSeconds=5"
    said = refused(LEAST, "--set", wrong)
    assert len(re.findall(r"^  - ", said, re.MULTILINE)) == 4


@pytest.mark.parametrize(
    "place", ["default.smtp_pass", "tenants.acme.microsoft_auth.client_secret", "default.dkim.private_key"]
)
def test_a_password_among_the_values_is_refused_and_not_repeated(place: str) -> None:
    said = refused(HERE / "tenants-inline.yaml", "--set", f"tenants.{place}=c4n4ry")
    assert f"tenants holds {place.rsplit('.', maxsplit=1)[-1]}" in said
    assert "c4n4ry" not in said
