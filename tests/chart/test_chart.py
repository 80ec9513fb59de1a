"""The chart: each set of values rendered, and its objects judged as Kubernetes, the operators and the consumer would."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from consumer.__main__ import main
from consumer.core.tenants import Faults, parse_tenants
from consumer.settings import Settings, load
from devtools.tools import NoToolError, custom_resources
from tests.chart.render import (
    CHART,
    NEWEST,
    OLDEST,
    VALUES,
    is_custom,
    of_kind,
    pods,
    rendered,
    run_helm,
    unfit,
    unfit_custom,
    variables,
    workload,
)

pytestmark = [pytest.mark.chart, pytest.mark.usefixtures("with_helm")]

HERE = Path(__file__).parent / "values"
SECRET = trustme.CA().cert_pem.bytes().decode()  # in place of any file: some have to hold certificates
LEAST = HERE / "least.yaml"
each = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


@each
def test_helm_has_nothing_to_say_against_it(values: Path) -> None:
    done = run_helm("lint", "--strict", "--quiet", "--kube-version", NEWEST, "--values", values, CHART)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout


@each
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_each_object_and_knows_each_field(values: Path, version: str) -> None:
    objects = [one for one in rendered(values, version=version) if not is_custom(one)]
    assert [fault for one in objects if (fault := unfit(one, version))] == []


@pytest.mark.timeout(200)
def test_the_operators_take_their_objects_and_know_each_field(tmp_path: Path) -> None:
    try:
        custom_resources()
    except NoToolError as error:
        pytest.skip(str(error))
    objects = [one for values in VALUES for one in rendered(values) if is_custom(one)]
    assert {one["kind"] for one in objects} == {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject"}
    assert unfit_custom(objects, tmp_path) == ""


@pytest.mark.timeout(200)
def test_a_field_that_an_operator_does_not_know_would_be_found(tmp_path: Path) -> None:
    try:
        custom_resources()
    except NoToolError as error:
        pytest.skip(str(error))
    monitor = of_kind(rendered(HERE / "monitored.yaml"), "PodMonitor")
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    assert "intervall" in unfit_custom([monitor], tmp_path)


@each
def test_names_are_unique_and_labels_are_the_same_everywhere(values: Path) -> None:
    objects = rendered(values)
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)
    ours = [one for one in objects if "app.kubernetes.io/name" in one["metadata"].get("labels", {})]
    assert len(ours) >= len(objects) - 2  # extraObjects are as they were written
    assert {one["metadata"]["labels"]["app.kubernetes.io/instance"] for one in ours} == {"mail"}
    assert {one["metadata"]["namespace"] for one in ours} == {"mail"}
    chosen = workload(objects)["spec"]["selector"]["matchLabels"]
    assert chosen.items() <= workload(objects)["spec"]["template"]["metadata"]["labels"].items()


@each
def test_the_consumer_takes_the_variables_as_its_settings(values: Path, tmp_path: Path) -> None:
    settings = _loaded(workload(rendered(values)), tmp_path)
    assert isinstance(settings, Settings), settings
    assert settings.http.host == "0.0.0.0"  # noqa: S104


def _loaded(one: dict[str, Any], folder: Path) -> object:
    """What the consumer in the first pod makes of its environment, with files in place of what is mounted."""
    (container, *_) = one["spec"]["template"]["spec"]["containers"]
    environment: dict[str, str] = {}
    for name, value in variables(container).items():
        text = f"{one['metadata']['name']}-0" if isinstance(value, dict) else value
        if text.startswith(("/run/", "/extra/")):
            text = str(folder / text.strip("/").replace("/", "-"))
            Path(text).write_text(SECRET)
        environment[name] = text
    return load(environment)


def test_settings_arrive_as_they_were_meant(tmp_path: Path) -> None:
    settings = _loaded(workload(rendered(HERE / "every-setting.yaml")), tmp_path)
    assert isinstance(settings, Settings), settings
    assert settings.kafka.group_instance_id == "mail-consumer-0"
    assert (settings.work.parked, settings.smtp.connections_total) == (1_000_000, 1_000_000)
    assert settings.work.drain_within.total_seconds() == 120
    assert settings.kafka.heartbeat_interval.total_seconds() == 1.5
    assert settings.kafka.transaction_timeout.total_seconds() == 30
    assert settings.smtp.allow_plaintext == {"mailpit", "relay.internal"}
    assert [str(network) for network in settings.network.allow] == ["10.0.0.0/8"]
    assert settings.network.hosts == {"relay.example.com:587": "127.0.0.1:2525"}
    assert settings.topics.retention.days == 14


@each
def test_each_file_that_a_variable_names_is_mounted(values: Path) -> None:
    for pod in pods(rendered(values)):
        container = pod["containers"][0]
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert set(mounts.values()) <= volumes.keys()
        sources = volumes.get("settings", {}).get("projected", {}).get("sources", [])
        paths = {item["path"] for source in sources for item in next(iter(source.values()))["items"]}
        named = {text for text in variables(container).values() if isinstance(text, str) and text.startswith("/run/")}
        assert named == {f"/run/consumer/{path}" for path in paths}


@each
def test_pods_are_not_root_write_nowhere_and_may_do_nothing(values: Path) -> None:
    for pod in pods(rendered(values)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        security = pod["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        ours = pod["containers"][0]["securityContext"]
        assert (ours["allowPrivilegeEscalation"], ours["readOnlyRootFilesystem"]) == (False, True)
        assert ours["capabilities"] == {"drop": ["ALL"]}


@each
def test_a_pod_may_take_longer_to_leave_than_its_drain(values: Path, tmp_path: Path) -> None:
    one = workload(rendered(values))
    settings = _loaded(one, tmp_path)
    assert isinstance(settings, Settings)
    grace = one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= settings.work.drain_within.total_seconds() + 10


def test_pods_of_a_statefulset_are_static_members_and_those_of_a_deployment_are_not() -> None:
    static = workload(rendered(LEAST))
    assert static["kind"] == "StatefulSet"
    (container,) = static["spec"]["template"]["spec"]["containers"]
    assert variables(container)["CONSUMER_KAFKA__GROUP_INSTANCE_ID"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    dynamic = workload(rendered(HERE / "deployment.yaml"))
    (container,) = dynamic["spec"]["template"]["spec"]["containers"]
    assert "CONSUMER_KAFKA__GROUP_INSTANCE_ID" not in variables(container)


def test_the_image_goes_by_the_chart_by_tag_or_by_digest() -> None:
    assert (
        _image("--set", "image.repository=r/c")
        == f"r/c:{yaml.safe_load((CHART / 'Chart.yaml').read_text())['appVersion']}"
    )
    assert _image("--set", "image.tag=1.2") == "consumer:1.2"
    assert _image("--set", f"image.tag=1.2,image.digest=sha256:{'a' * 64}") == f"consumer@sha256:{'a' * 64}"


def _image(*more: str) -> str:
    return workload(rendered(LEAST, *more))["spec"]["template"]["spec"]["containers"][0]["image"]


def test_tenants_in_the_values_are_a_tenants_file_without_passwords() -> None:
    objects = rendered(HERE / "tenants-inline.yaml")
    text = of_kind(objects, "ConfigMap")["data"]["tenants.yaml"]
    tenants = parse_tenants(yaml.safe_load(text), secrets={"/run/secrets/smtp/password": "secret"})
    assert not isinstance(tenants, Faults), tenants
    mounts = next(pods(objects))["containers"][0]["volumeMounts"]
    assert {"name": "secret-smtp", "mountPath": "/run/secrets/smtp", "readOnly": True} in mounts


def test_the_topics_job_knows_kafka_and_no_tenant() -> None:
    job = of_kind(rendered(HERE / "sasl-tls.yaml"), "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["topics", "create"]
    assert {name.split("__")[0] for name in variables(container)} == {"CONSUMER_KAFKA"}
    assert variables(container)["CONSUMER_KAFKA__SASL_PASSWORD_FILE"] == "/run/consumer/kafka/sasl_password"
    assert variables(container)["CONSUMER_KAFKA__SSL_CAFILE"] == "/run/consumer/kafka/ssl_cafile"


def test_a_clients_secret_is_a_file_and_its_settings_are_good() -> None:
    objects = rendered(HERE / "oauth-traced.yaml")
    given = variables(next(pods(objects))["containers"][0])
    assert given["CONSUMER_KAFKA__SASL_OAUTH_CLIENT_SECRET_FILE"] == "/run/consumer/kafka/sasl_oauth_client_secret"
    assert given["CONSUMER_KAFKA__SASL_OAUTH_EXTENSIONS"] == '{"logicalCluster":"lkc-1"}'
    assert (given["CONSUMER_TRACING__ENABLED"], given["OTEL_TRACES_SAMPLER_ARG"]) == ("true", "0.01")


def test_the_topics_job_is_no_pod_of_the_service_or_the_budget() -> None:
    objects = rendered(HERE / "sasl-tls.yaml")
    labels = of_kind(objects, "Job")["spec"]["template"]["metadata"]["labels"]
    assert not of_kind(objects, "Service")["spec"]["selector"].items() <= labels.items()


def test_keda_goes_by_the_lag_of_our_group_and_stops_at_the_partitions() -> None:
    objects = rendered(HERE / "keda.yaml")
    scaled = of_kind(objects, "ScaledObject")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (3, 24)
    assert scaled["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "mail-consumer"}
    (trigger,) = scaled["triggers"]
    assert trigger["authenticationRef"] == {"name": "kafka"}
    assert trigger["metadata"] == {
        "bootstrapServers": "kafka:9093",
        "consumerGroup": "mail",
        "topic": "mail.requests",
        "lagThreshold": "500",
        "excludePersistentLag": "true",
        "allowIdleConsumers": "false",
        "offsetResetPolicy": "earliest",
        "sasl": "scram_sha512",
        "tls": "enable",
    }
    assert "replicas" not in workload(objects)["spec"]  # or each upgrade would undo what was scaled


def test_without_names_of_their_own_keda_and_the_settings_agree() -> None:
    defaults = Settings()
    more = "autoscaling.kind=keda,autoscaling.maxReplicas=6"
    (trigger,) = of_kind(rendered(LEAST, "--set", more), "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == defaults.kafka.group_id
    assert trigger["metadata"]["topic"] == defaults.topics.requests
    assert defaults.topics.partitions == 6


def test_the_network_is_open_to_what_is_named_only() -> None:
    policy = of_kind(rendered(HERE / "locked-down.yaml"), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (scraped,) = policy["ingress"]
    assert scraped["ports"] == [{"port": 8080, "protocol": "TCP"}]
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [9092, 9094], [587], [8080]]
    assert [("to" in rule) for rule in policy["egress"]] == [True, True, False, True]


def test_alerts_point_to_their_pages_and_those_not_wanted_are_gone() -> None:
    rules = of_kind(rendered(HERE / "monitored.yaml"), "PrometheusRule")
    assert rules["metadata"]["labels"]["release"] == "prometheus"
    alerts = {rule["alert"]: rule for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule}
    written = yaml.safe_load((CHART / "files/rules.yaml").read_text())["groups"]
    every = {rule["alert"] for group in written for rule in group["rules"] if "alert" in rule}
    assert every - alerts.keys() == {"EmailConsumerProducersBroken"}
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example/email/{name}.md"
        assert rule["labels"]["team"] == "mail"
    assert "{{ $labels.namespace }}" in alerts["EmailConsumerAbsent"]["annotations"]["description"]


def test_the_dashboard_arrives_as_it_is() -> None:
    shown = of_kind(rendered(HERE / "monitored.yaml"), "ConfigMap")
    assert shown["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert shown["data"]["email-consumer.json"] == (CHART / "files/dashboard.json").read_text()


@pytest.mark.parametrize(("values", "kind"), [("monitored", "PodMonitor"), ("service-monitored", "ServiceMonitor")])
def test_a_monitor_finds_the_pods_and_the_port_they_listen_on(values: str, kind: str) -> None:
    objects = rendered(HERE / f"{values}.yaml")
    spec = of_kind(objects, kind)["spec"]
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = spec.get("podMetricsEndpoints", spec.get("endpoints"))
    (port,) = next(pods(objects))["containers"][0]["ports"]
    assert (endpoint["port"], endpoint["path"]) == (port["name"], "/metrics")
    assert port["containerPort"] == (9100 if kind == "ServiceMonitor" else 8080)
    assert of_kind(objects, "Service")["spec"]["ports"][0]["port"] == port["containerPort"]


def test_extras_are_rendered_as_templates() -> None:
    objects = rendered(HERE / "extras.yaml")
    found = {one["metadata"]["name"]: one.get("data") for one in objects if one["kind"] == "ConfigMap"}
    assert found == {"mail-more": {"image": "registry.example/mail/consumer"}, "mail-consumer-text": None}


def test_the_notes_say_the_next_three_commands_and_they_exist(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = _notes(tmp_path)
    assert re.findall(r"^(\d)\. ", notes, re.MULTILINE) == ["1", "2", "3"]
    assert "kubectl --namespace mail rollout status statefulset/mail-consumer" in notes
    commands = re.findall(
        r"exec statefulset/mail-consumer -- consumer (\w+)(.*?)\n\n|\Z", notes.replace("\\\n", ""), re.DOTALL
    )
    named = [command for command in commands if command[0]]
    assert [command for command, _ in named] == ["send", "outcomes"]
    for command, options in named:
        assert main([command, "--help"]) == 0
        known = capsys.readouterr().out
        assert [option for option in re.findall(r"--\w+", options) if option not in known] == []


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ("podMonitor.enabled=false", "Nobody scrapes its metrics"),
        (
            "networkPolicy.enabled=true,settings.pii.url=https://v",
            "settings.tenants.url, settings.pii.url needs networkP",
        ),
        ("autoscaling.kind=hpa", "kubectl --namespace mail get hpa"),
        ("httpApi.enabled=true,httpApi.autoscaling.enabled=true", "kubectl --namespace mail get hpa"),
        ("httpApi.enabled=true", "http://mail-consumer-ingress.mail:80/send-email, header Tenant"),
    ],
)
def test_the_notes_say_what_these_values_leave_to_be_done(tmp_path: Path, more: str, hint: str) -> None:
    quiet = "podMonitor.enabled=true,networkPolicy.extraEgress[0].ports[0].port=443"
    assert hint in _notes(tmp_path / "with", "--set", more)
    assert hint not in _notes(tmp_path / "without", "--set", quiet)


def _notes(folder: Path, *more: str) -> str:
    """Helm shows them only to a cluster: here they are made part of an object."""
    chart = folder / "chart"
    shutil.copytree(CHART, chart)
    (chart / "templates/NOTES.txt").rename(chart / "templates/_notes.tpl")
    shown = '{{ include (print $.Template.BasePath "/_notes.tpl") . | indent 2 }}'
    (chart / "templates/notes.yaml").write_text(f"kind: Notes\nmetadata: {{name: notes}}\ntext: |\n{shown}\n")
    return of_kind(rendered(LEAST, *more, chart=chart), "Notes")["text"]
