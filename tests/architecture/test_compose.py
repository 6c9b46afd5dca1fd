"""docker-compose.kafka.yml, the Dockerfile and the scrape file, against what they start.

No container is started here: what these files name is compared with the catalogue, the
settings, the command line and each other.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from ccstream.cli.program import build
from ccstream.devkit.kafka_jars import KAFKA_VERSION
from ccstream.gateway.keys import Keys
from ccstream.ops.settings import Settings
from ccstream.wire.catalogue import topics
from tests.support.command_lines import unknown_part
from tests.support.containers import container_environment

WEB_PORT = Settings.model_fields["web"].get_default(call_default_factory=True).port
GATEWAY_PORT = Settings.model_fields["gateway"].get_default(call_default_factory=True).port


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, Any]:
    compose = yaml.safe_load((root / "docker-compose.kafka.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = compose["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def settings_of(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The settings that a service of ours would run with."""

    def load(service: str) -> Settings:
        monkeypatch.chdir(tmp_path)
        for name, value in services[service]["environment"].items():
            monkeypatch.setenv(name, value.replace(GATEWAY_FOLDER, str(tmp_path)))
        return Settings.load()

    return load


GATEWAY_FOLDER = "/var/lib/ccstream/gateway"


def own(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if "build" in service}


def test_it_starts_what_the_readme_promises(services: dict[str, Any]) -> None:
    ours = {"topics", "worker", "gateway-keys", "gateway", "heartbeat"}
    assert set(services) == ours | {"kafka", "registry", "prometheus", "grafana"}


def test_the_broker_is_the_version_that_the_tests_run_on(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_every_image_is_pinned(services: dict[str, Any], dockerfile: str) -> None:
    images = [service["image"] for service in services.values()]
    images += re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    for image in images:
        assert re.search(r":(local|v?\d+\.\d+[\w.-]*)$", image), image


def test_the_image_has_the_extras_that_settings_alone_switch_on(dockerfile: str) -> None:
    synced = re.findall(r"^RUN .*\buv sync (.*)$", dockerfile, re.MULTILINE)
    assert len(synced) == 2  # without the project and with it: the second must not take any away
    for options in synced:
        assert set(re.findall(r"--extra (\S+)", options)) == {"registry", "tracing"}


def test_the_broker_is_told_what_the_one_in_tests_is_told(services: dict[str, Any]) -> None:
    given = services["kafka"]["environment"]
    tested = container_environment(port=9092)
    places = {"LISTENERS", "VOTERS", "MAP"}
    same = {
        name: value
        for name, value in given.items()
        if name in tested and not any(name.endswith(place) for place in places)
    }
    assert same == {name: tested[name] for name in same}
    assert {"KAFKA_AUTO_CREATE_TOPICS_ENABLE", "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"} <= set(same)


def test_every_listener_has_a_protocol_and_an_address(services: dict[str, Any]) -> None:
    given = services["kafka"]["environment"]
    listeners = {item.split("://")[0] for item in given["KAFKA_LISTENERS"].split(",")}
    mapped = given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    advertised = given["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert {item.split(":")[0] for item in mapped} == listeners
    controller = {given["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert {item.split("://")[0] for item in advertised} == listeners - controller
    assert given["KAFKA_INTER_BROKER_LISTENER_NAME"] in listeners - controller


@pytest.mark.parametrize("service", ["topics", "worker", "heartbeat"])
def test_the_settings_of_our_services_are_settings(service: str, settings_of: Any) -> None:
    settings = settings_of(service)
    assert settings.kafka.bootstrap == "kafka:29092"
    assert settings.registry.url == "http://registry:8081"


def test_the_topics_and_the_worker_agree_on_them(settings_of: Any) -> None:
    assert settings_of("topics").kafka == settings_of("worker").kafka


def test_the_topics_fit_on_the_nodes_there_are(services: dict[str, Any], settings_of: Any) -> None:
    settings = settings_of("topics")
    nodes = [name for name, service in services.items() if "apache/kafka" in service["image"]]
    assert settings.kafka.replication_factor <= len(nodes)
    for spec in topics(settings.app_id):
        assert spec.config(settings.kafka.replication_factor)["min.insync.replicas"] == "1"


def test_our_services_run_commands_that_exist(services: dict[str, Any]) -> None:
    command_line = typer.main.get_command(build(None, load_all=True))
    for name, service in own(services).items():
        if name != "gateway-keys":
            assert unknown_part(command_line, service["command"]) is None
    assert services["topics"]["command"] == ["topics", "apply"]


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]) -> None:
    worker = services["worker"]["depends_on"]
    assert worker["topics"]["condition"] == "service_completed_successfully"
    assert worker["registry"]["condition"] == "service_healthy"
    for name in ("topics", "registry"):
        assert services[name]["depends_on"]["kafka"]["condition"] == "service_healthy"
    gateway = services["gateway"]["depends_on"]
    for name in ("topics", "gateway-keys"):
        assert gateway[name]["condition"] == "service_completed_successfully"
    for name in ("kafka", "registry", "worker", "gateway"):
        assert services[name]["healthcheck"]["test"]


def make_keys(services: dict[str, Any], folder: Path) -> None:
    """Runs the service that makes the gateway's keys, in a folder instead of its volume."""
    service = services["gateway-keys"]
    (script,) = service["command"]
    here = str(Path(sys.executable).parent)
    subprocess.run(
        [*service["entrypoint"], script.replace(GATEWAY_FOLDER, str(folder))],
        env={"PATH": f"{here}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        timeout=50,
    )


def test_the_gateways_keys_are_made_once_and_only_prometheus_own_is_for_others(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make_keys(services, tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made.keys() == {"signing-key", "keys.json", "key", "metrics-key"}
    for name in made:
        others = (tmp_path / name).stat().st_mode & 0o077
        assert others == (0o044 if name == "metrics-key" else 0), name
    make_keys(services, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == made


def test_the_gateway_lets_in_whoever_has_the_key_that_was_made(
    services: dict[str, Any], settings_of: Any, tmp_path: Path
) -> None:
    make_keys(services, tmp_path)
    settings = settings_of("gateway")
    assert settings.gateway.host == "0.0.0.0"
    assert settings.gateway.auth == "required"
    assert f":{settings.gateway.port}/readyz" in services["gateway"]["healthcheck"]["test"][-1]
    keys = Keys(settings.gateway.keys_file)
    trial = keys.identify((tmp_path / "key").read_text().strip())
    metrics = keys.identify((tmp_path / "metrics-key").read_text().strip())
    assert trial is not None
    assert metrics is not None
    assert {grant.action for grant in trial.grants} == {"publish", "read"}
    assert {grant.action for grant in metrics.grants} == {"operate"}


def test_our_services_write_to_nothing_but_their_volumes(services: dict[str, Any]) -> None:
    for service in own(services).values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_workers_health_is_asked_where_it_answers(
    services: dict[str, Any], settings_of: Any
) -> None:
    settings = settings_of("worker")
    assert settings.web.host == "0.0.0.0"
    assert settings.web.port == WEB_PORT
    assert f":{WEB_PORT}/readyz" in services["worker"]["healthcheck"]["test"][-1]


def test_ports_are_open_to_this_machine_only(services: dict[str, Any]) -> None:
    for service in services.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_prometheus_scrapes_workers_gateways_and_heartbeats_and_knows_the_alerts(
    root: Path, services: dict[str, Any]
) -> None:
    path = "deploy/prometheus/prometheus.yml"
    mounted = dict(volume.split(":")[:2] for volume in services["prometheus"]["volumes"])
    assert mounted[f"./{path}"] == "/etc/prometheus/prometheus.yml"
    config = yaml.safe_load((root / path).read_text(encoding="utf-8"))
    for file in config["rule_files"]:
        assert mounted[f"./deploy/prometheus/{file}"] == f"/etc/prometheus/{file}"
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    for name, (service, port) in {
        "ccstream": ("worker", WEB_PORT),
        "ccstream-heartbeat": ("heartbeat", WEB_PORT),
        "ccstream-gateway": ("gateway", GATEWAY_PORT),
    }.items():
        assert jobs[name]["metrics_path"] == "/metrics"
        assert jobs[name]["dns_sd_configs"][0]["names"] == [service]
        assert jobs[name]["dns_sd_configs"][0]["port"] == port
    key = jobs["ccstream-gateway"]["authorization"]["credentials_file"]
    assert key == f"{mounted['gateway']}/metrics-key"
    waits_for = services["prometheus"]["depends_on"]["gateway-keys"]
    assert waits_for["condition"] == "service_completed_successfully"


def test_grafana_finds_prometheus_and_every_dashboard(root: Path, services: dict[str, Any]) -> None:
    mounted = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    provisioning = root / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards.yml").read_text())["providers"]
    for file in (root / "deploy" / "grafana").glob("*.json"):
        there = f"{provider['options']['path']}/{file.name}"
        assert mounted[f"./deploy/grafana/{file.name}"] == there
    for name in ("datasources", "dashboards"):
        there = f"/etc/grafana/provisioning/{name}/ccstream.yml"
        assert mounted[f"./deploy/grafana/provisioning/{name}.yml"] == there


def test_the_image_runs_the_worker_as_nobody_in_particular(dockerfile: str) -> None:
    assert 'ENTRYPOINT ["ccstream"]' in dockerfile
    assert 'CMD ["worker"]' in dockerfile
    assert f"EXPOSE {WEB_PORT} {GATEWAY_PORT}\n" in dockerfile
    assert f"HEALTH_URL=http://127.0.0.1:{WEB_PORT}/livez\n" in dockerfile
    assert "os.environ['HEALTH_URL']" in dockerfile.partition("HEALTHCHECK")[2]
    (user,) = re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE)
    assert int(user) >= 10_000


def test_the_image_is_built_from_the_lock_by_the_pinned_uv(root: Path, dockerfile: str) -> None:
    assert "uv sync --locked" in dockerfile
    (pinned,) = re.findall(r"uv==(\S+)", dockerfile)
    common = (root / "scripts" / "common.sh").read_text(encoding="utf-8")
    assert f"uv_version={pinned} " in common


def test_what_the_image_is_built_from_is_there_and_sent(root: Path, dockerfile: str) -> None:
    sent = {
        line.removeprefix("!")
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert copied == sent
    assert all((root / name).exists() for name in copied)
