"""docker-compose.yml without an engine: what it names is there, and each name in it fits the others."""

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml

from consumer.core.durations import parse_duration
from consumer.core.tenants import Faults, parse_tenants
from consumer.settings import Settings, load

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
JOBS = {"topics"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What the consumer makes of its variables there."""
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(COMPOSE["configs"]["tenants"]["content"])
    loaded = load({**SERVICES["consumer"]["environment"], "CONSUMER_TENANTS__FILE": str(tenants)})
    assert isinstance(loaded, Settings), loaded
    return loaded


def test_it_is_a_compose_file() -> None:
    schema = orjson.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_bytes())
    assert [f"{list(e.instance_path)}: {e.message}" for e in jsonschema_rs.iter_errors(schema, COMPOSE)] == []


def test_each_port_is_open_to_this_machine_only_and_to_one_service() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert len({port.split(":")[1] for port in ports}) == len(ports) == 6


def test_each_service_says_when_it_is_well_and_each_dependency_waits_for_that() -> None:
    assert {name for name, service in SERVICES.items() if "test" not in service["healthcheck"]} == JOBS
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in JOBS else "service_healthy"
            assert how == {"condition": wanted}, other


def test_only_what_watches_is_behind_a_profile() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {"prometheus": ["monitoring"], "grafana": ["monitoring"]}


def test_each_image_has_a_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


def test_kafka_is_the_version_that_the_tests_run() -> None:
    (tested,) = re.findall(r"<kafka\.version>(.*?)<", (ROOT / "devtools/kafka/pom.xml").read_text())
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{tested}"


def test_both_listeners_of_kafka_are_reached_under_the_names_it_tells(settings: Settings) -> None:
    told = dict(one.split("://") for one in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert told["INSIDE"] == settings.kafka.bootstrap_servers
    assert told["INSIDE"].split(":")[0] in SERVICES
    (published,) = SERVICES["kafka"]["ports"]
    assert f"{told['OUTSIDE']}:{told['OUTSIDE'].split(':')[1]}" == published


def test_both_commands_of_ours_have_the_same_settings(settings: Settings) -> None:
    assert SERVICES["topics"]["environment"] == SERVICES["consumer"]["environment"]
    assert SERVICES["topics"]["configs"] == SERVICES["consumer"]["configs"]
    (tenants,) = SERVICES["consumer"]["configs"]
    assert SERVICES["consumer"]["environment"]["CONSUMER_TENANTS__FILE"] == tenants["target"]
    assert settings.topics.replication_factor == 1  # there is one broker


def test_the_tenants_relay_is_mailpit_and_is_let_through(settings: Settings) -> None:
    tenants = parse_tenants(
        yaml.safe_load(COMPOSE["configs"]["tenants"]["content"]), plain=settings.smtp.allow_plaintext
    )
    assert not isinstance(tenants, Faults), tenants
    assert {(tenant.relay.host, tenant.relay.port) for tenant in tenants.values() if tenant.relay} == {
        ("mailpit", 1025)
    }
    assert "mailpit" in SERVICES
    assert "mailpit" in [str(host) for host in settings.network.allow]


def test_the_consumer_is_asked_and_scraped_where_it_listens(settings: Settings) -> None:
    (published,) = SERVICES["consumer"]["ports"]
    assert published == f"127.0.0.1:{settings.http.port}:{settings.http.port}"
    assert settings.http.host == "0.0.0.0"  # noqa: S104
    (job,) = yaml.safe_load((ROOT / "monitoring/compose/prometheus.yml").read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"consumer:{settings.http.port}", f"ingress:{settings.http.port}"]}]


def test_the_http_api_is_called_where_it_listens_and_asks_the_same_topics(settings: Settings) -> None:
    ingress = load(SERVICES["ingress"]["environment"], only_kafka=True)
    assert isinstance(ingress, Settings), ingress
    (published,) = SERVICES["ingress"]["ports"]
    assert published == f"127.0.0.1:{ingress.ingress.port}:{ingress.ingress.port}"
    assert (ingress.ingress.host, ingress.http) == ("0.0.0.0", settings.http)  # noqa: S104
    assert (ingress.kafka, ingress.topics) == (settings.kafka, settings.topics)
    seconds = parse_duration(SERVICES["ingress"]["stop_grace_period"])
    assert seconds is not None
    assert timedelta(seconds=seconds) >= 2 * ingress.ingress.wait + timedelta(seconds=15)  # a body, Kafka, the outcome


def test_it_may_take_longer_to_stop_than_its_drain(settings: Settings) -> None:
    seconds = parse_duration(SERVICES["consumer"]["stop_grace_period"])
    assert seconds is not None
    assert timedelta(seconds=seconds) >= settings.work.drain_within + timedelta(seconds=5)


def test_our_containers_can_write_nowhere_and_may_do_nothing() -> None:
    for name in ("consumer", "topics", "ingress"):
        service = SERVICES[name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]


def _mounts() -> Iterator[tuple[str, str]]:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            yield source, target


def test_each_mounted_file_is_there_and_each_volume_is_declared() -> None:
    for source, _ in _mounts():
        assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], source


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    compose = ROOT / "monitoring/compose"
    (source,) = yaml.safe_load((compose / "datasource.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((compose / "dashboards.yml").read_text())["providers"]
    places = {target: source for source, target in _mounts()}
    assert places[provider["options"]["path"]] == "./monitoring/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "monitoring/dashboards" / Path(home).name).exists()
    (rules,) = yaml.safe_load((compose / "prometheus.yml").read_text())["rule_files"]
    assert places[str(Path(rules).parent)] == "./monitoring/rules"
