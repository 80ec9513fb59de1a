"""The HTTP API in the chart: pods of its own that are nobody else's, called and scraped where they listen."""

from pathlib import Path
from typing import Any

import pytest
import trustme

from consumer.ingress.openapi import PATHS
from consumer.settings import Settings, load
from tests.chart.render import Object, api_of_kind, is_api, of_kind, refused, rendered, variables

pytestmark = [pytest.mark.chart, pytest.mark.usefixtures("with_helm")]

HERE = Path(__file__).parent / "values"
SECRET = trustme.CA().cert_pem.bytes().decode()  # in place of any file: some have to hold certificates
SCALED = HERE / "http-api-scaled.yaml"
OUTSIDE, INSIDE = HERE / "http-api.yaml", HERE / "http-api-inside.yaml"


def container(objects: list[Object]) -> dict[str, Any]:
    (found,) = api_of_kind(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return found


def labels(objects: list[Object]) -> dict[str, str]:
    return api_of_kind(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]


def settings(objects: list[Object], folder: Path) -> Settings:
    """What `consumer ingress` makes of its environment, with files in place of what is mounted."""
    environment: dict[str, str] = {}
    for name, value in variables(container(objects)).items():
        environment[name] = value
        if value.startswith("/run/"):
            environment[name] = str(folder / value.strip("/").replace("/", "-"))
            Path(environment[name]).write_text(SECRET)
    loaded = load(environment, only_kafka=True)
    assert isinstance(loaded, Settings), loaded
    return loaded


def test_without_it_there_is_nothing_of_it() -> None:
    assert [one for one in rendered(HERE / "least.yaml") if is_api(one)] == []


def test_it_takes_its_variables_as_settings_and_knows_no_tenant(tmp_path: Path) -> None:
    objects = rendered(OUTSIDE)
    found = settings(objects, tmp_path)
    assert container(objects)["args"] == ["ingress"]
    assert (found.ingress.host, found.ingress.port, found.ingress.in_flight) == ("0.0.0.0", 8090, 200)  # noqa: S104
    assert (found.http.host, found.kafka.security_protocol) == ("0.0.0.0", "SASL_SSL")  # noqa: S104
    assert (found.tenants.url, found.kafka.group_instance_id) == (None, None)


def test_a_pod_that_leaves_may_answer_the_calls_under_way(tmp_path: Path) -> None:
    objects = rendered(OUTSIDE)
    pod = api_of_kind(objects, "Deployment")["spec"]["template"]["spec"]
    assert container(objects)["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "5"]}}
    wait = settings(objects, tmp_path).ingress.wait.total_seconds()
    assert pod["terminationGracePeriodSeconds"] == 5 + 15 + 2 * wait + 5


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"])
def test_its_pods_are_not_taken_for_consumers_nor_the_other_way_round(kind: str) -> None:
    objects = rendered(OUTSIDE)
    consumers = of_kind(objects, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for one in [one for one in objects if one["kind"] == kind]:
        spec = one["spec"]
        chosen = spec.get("podSelector", spec.get("selector"))
        chosen = chosen.get("matchLabels", chosen)
        assert (chosen.items() <= labels(objects).items()) is is_api(one)
        assert (chosen.items() <= consumers.items()) is not is_api(one)


def test_callers_reach_its_calls_and_scrapers_its_metrics() -> None:
    objects = rendered(OUTSIDE)
    calls, scraped = api_of_kind(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [port["port"] for port in calls["ports"]] == [8090]
    assert calls["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "gateway"}
    assert [port["port"] for port in scraped["ports"]] == [8080]
    assert scraped["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    egress = api_of_kind(objects, "NetworkPolicy")["spec"]["egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in egress] == [[53, 53], [9093]]  # no relay


def test_a_token_endpoint_is_let_through_for_all_that_talk_to_kafka() -> None:
    objects = rendered(SCALED)
    policies = {one["metadata"]["name"]: one for one in objects if one["kind"] == "NetworkPolicy"}
    ports = {
        name: [[port["port"] for port in rule["ports"]] for rule in one["spec"]["egress"]]
        for name, one in policies.items()
    }
    assert ports == {
        "mail-consumer": [[53, 53], [9093], [443], [25, 465, 587, 2525], [8080]],
        "mail-consumer-ingress": [[53, 53], [9093], [443]],
        "mail-consumer-topics": [[53, 53], [9093], [443]],
    }
    job = of_kind(objects, "Job")
    topics = policies["mail-consumer-topics"]
    assert topics["spec"]["podSelector"]["matchLabels"] == job["spec"]["template"]["metadata"]["labels"]
    before, then = (one["metadata"]["annotations"] for one in (topics, job))
    assert before["helm.sh/hook"] == then["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert (before["helm.sh/hook-weight"], then.get("helm.sh/hook-weight", "0")) == ("-1", "0")


def test_scaled_by_cpu_and_its_calls_and_not_by_each_upgrade() -> None:
    objects = rendered(SCALED)
    scaled = of_kind(objects, "HorizontalPodAutoscaler")["spec"]
    deployment = api_of_kind(objects, "Deployment")
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]  # or each upgrade would undo what was scaled
    assert (scaled["minReplicas"], scaled["maxReplicas"]) == (3, 20)
    cpu, in_flight = scaled["metrics"]
    assert cpu["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert in_flight["pods"]["metric"] == {"name": "consumer_ingress_in_flight"}
    assert scaled["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 120}}


def test_the_kubernetes_ingress_has_the_paths_of_the_api_and_nothing_else() -> None:
    objects = rendered(OUTSIDE)
    spec = api_of_kind(objects, "Ingress")["spec"]
    ((host, paths),) = [(rule["host"], rule["http"]["paths"]) for rule in spec["rules"]]
    assert host == "mail.example.com"
    assert {(path["path"], path["pathType"]) for path in paths} == {
        (path, "Exact") for path in [*PATHS, "/openapi.json"]
    }
    service = api_of_kind(objects, "Service")
    assert {path["backend"]["service"]["name"] for path in paths} == {service["metadata"]["name"]}
    assert {path["backend"]["service"]["port"]["name"] for path in paths} == {service["spec"]["ports"][0]["name"]}
    assert spec["tls"] == [{"hosts": ["mail.example.com"], "secretName": "mail-tls"}]


@pytest.mark.parametrize(
    ("values", "kind"), [(OUTSIDE, "PodMonitor"), (INSIDE, "ServiceMonitor")], ids=["pod", "service"]
)
def test_a_monitor_finds_its_pods_and_the_port_of_its_metrics(values: Path, kind: str) -> None:
    objects = rendered(values)
    spec = api_of_kind(objects, kind)["spec"]
    chosen = spec["selector"]["matchLabels"]
    ports = {port["name"]: port["containerPort"] for port in container(objects)["ports"]}
    (endpoint,) = spec.get("podMetricsEndpoints", spec.get("endpoints"))
    if kind == "PodMonitor":
        assert chosen.items() <= labels(objects).items()
        assert ports[endpoint["port"]] == 8080
        return
    (service,) = [
        one for one in objects if one["kind"] == "Service" and chosen.items() <= one["metadata"]["labels"].items()
    ]
    (port,) = service["spec"]["ports"]
    assert (port["name"], ports[port["targetPort"]]) == (endpoint["port"], 9100)


def test_the_service_is_called_where_it_listens() -> None:
    objects = rendered(INSIDE)
    service = api_of_kind(objects, "Service")["spec"]
    assert service["type"] == "LoadBalancer"
    assert service["ports"] == [
        {"name": "calls", "port": 8080, "targetPort": "calls", "protocol": "TCP", "appProtocol": "http"}
    ]
    assert {port["name"]: port["containerPort"] for port in container(objects)["ports"]} == {
        "calls": 8081,
        "http": 9100,
    }


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("settings.ingress.port=0", "settings.ingress.port must not be 0"),
        ("settings.ingress.port=8080", "settings.ingress.port must differ from settings.http.port"),
        ("settings.ingress.host=127.0.0.1", "settings.ingress.host must be reachable"),
        ("httpApi.ingress.hosts=null", "httpApi.ingress.hosts has to name a host"),
        ("httpApi.enabled=false", "httpApi.ingress.enabled needs httpApi.enabled"),
        ("httpApi.enabled=false,httpApi.ingress.enabled=false,httpApi.autoscaling.enabled=true", "nothing to scale"),
        ("httpApi.autoscaling.enabled=true,httpApi.autoscaling.minReplicas=11", "minReplicas must be at most"),
        ("httpApi.autoscaling.enabled=true,httpApi.resources.requests.cpu=null", "needs httpApi.resources.requests.c"),
        ("httpApi.replica=2", "replica"),
        ("httpApi.ingress.host=a", "host"),
        ("httpApi.service.type=Cluster", "type"),
        ("settings.ingress.inflight=3", "inflight"),
    ],
)
def test_what_cannot_work_is_refused(wrong: str, rule: str) -> None:
    assert rule in refused(OUTSIDE, "--set", wrong)
