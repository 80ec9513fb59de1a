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
        ("httpApi.autoscaling.kind=hpa", "kind"),
        ("tenants.acme.domain=x.example", "acme"),
        ("tenants.tenants.acme.smpt_host=x.example", "smpt_host"),
        ("tenants.default.smtp_scheme=tls", "smtp_scheme"),
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
        (
            "autoscaling.kind=keda,settings.kafka.security_protocol=SASL_SSL",
            "autoscaling.keda.authenticationRef has to name a TriggerAuthentication",
        ),
        (
            "autoscaling.kind=keda,settings.kafka.bootstrap_servers=,extraEnv[0].name=CONSUMER_KAFKA__BOOTSTRAP_SERVERS",
            "autoscaling.kind keda needs settings.kafka.bootstrap_servers",
        ),
        ("extraEnv[0].name=CONSUMER_HTTP__PORT", "the chart has to know itself: say settings.http.port"),
        ("extraEnv[0].name=CONSUMER_WORK__WORKERS", "the chart has to know itself: say settings.work.workers"),
        ("extraEnv[0].name=CONSUMER_KAFKA__GROUP_INSTANCE_ID", "two pods would share it"),
        ("resources.limits.memory=512Mi", "limits.memory is 512Mi, and attachments alone may take 512MiB of it"),
        ("settings.attachments.memory=2GB", "limits.memory is 1Gi, and attachments alone may take 2GB of it"),
        ("settings.work.workers=2", "512MiB of it (settings.attachments.memory) with 2 workers each"),
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
    "fits",
    [
        "replicas=6",
        "settings.topics.partitions=7,replicas=7",
        "terminationGracePeriodSeconds=30",
        "resources.limits.memory=513Mi",
        "resources.limits.memory=537M",
        "resources.limits.memory=null",
        "settings.attachments.memory=256MB,settings.work.workers=3",
    ],
)
def test_what_just_fits_is_taken(fits: str) -> None:
    assert rendered(LEAST, "--set", fits)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = "settings.kafka.bootstrap_servers=,settings.tenants.url=,replicas=9,terminationGracePeriodSeconds=5"
    said = refused(LEAST, "--set", wrong)
    assert len(re.findall(r"^  - ", said, re.MULTILINE)) == 4


MICROSOFT, DKIM = "tenants.tenants.acme.microsoft_auth", "tenants.default.dkim"


@pytest.mark.parametrize(
    ("secret", "given"),
    [
        ("smtp_pass", "tenants.default.smtp_pass=c4n4ry"),
        ("client_secret", f"{MICROSOFT}.tenant_id=a,{MICROSOFT}.client_id=b,{MICROSOFT}.client_secret=c4n4ry"),
        ("private_key", f"{DKIM}.domain=acme.example,{DKIM}.selector=s1,{DKIM}.private_key=c4n4ry"),
    ],
)
def test_a_password_among_the_values_is_refused_and_not_repeated(secret: str, given: str) -> None:
    said = refused(HERE / "tenants-inline.yaml", "--set", given)
    assert f"tenants holds {secret}" in said
    assert "c4n4ry" not in said


def test_a_password_in_the_wrong_place_is_not_repeated_either() -> None:
    said = refused(HERE / "tenants-inline.yaml", "--set", "tenants.default.smtp_scheme=c4n4ry,tenants.acme=c4n4ry")
    assert "'/tenants/default/smtp_scheme'" in said
    assert "additional properties 'acme' not allowed" in said
    assert "c4n4ry" not in said
