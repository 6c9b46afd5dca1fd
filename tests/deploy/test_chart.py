"""What Helm makes of the chart: taken by Kubernetes' schemas, by our settings and command line."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from ccstream.cli.program import build
from ccstream.ops.settings import Settings
from tests.support.certificates import Authority
from tests.support.command_lines import unknown_part
from tests.support.kubernetes import (
    CHART,
    TOOL_S_MAX,
    find_tool,
    keda_schemas,
    kubeconform,
    kubernetes_schemas,
    strimzi_definitions,
    strimzi_schemas,
)

HELM = find_tool("helm")
KUBECONFORM = find_tool("kubeconform")
KUBERNETES = ("1.30", "1.37")
"""The oldest and the newest whose schemas the package has."""

VALUES = {"as they are": (), "all": ("all-values.yaml",), "plain": ("plain-values.yaml",)}
PODS = ("Deployment", "StatefulSet", "Job")

needs_helm = pytest.mark.skipif(
    HELM is None, reason="there is no helm here (`make deploy-tools` builds it)"
)
needs_kubeconform = pytest.mark.skipif(
    KUBECONFORM is None, reason="there is no kubeconform here (`make deploy-tools` builds it)"
)
needs_schemas = pytest.mark.skipif(
    find_spec("kubernetes_validate") is None,
    reason="the schemas of Kubernetes are not installed (`make setup ARGS=all` does)",
)

Resource = dict[str, Any]


def helm(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    command = [HELM, verb, *arguments, "--kube-version", f"{KUBERNETES[-1]}.0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S_MAX, check=False)


def given(*files: str) -> list[str]:
    return [part for file in files for part in ("--values", str(CHART / "ci" / file))]


def template(*options: str) -> str:
    done = helm("template", "shop", str(CHART), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=VALUES)
def rendered(request: pytest.FixtureRequest) -> str:
    return template(*given(*VALUES[request.param]))


@pytest.fixture(scope="module")
def whole() -> list[Resource]:
    return read(template(*given("all-values.yaml")))


def read(text: str) -> list[Resource]:
    return [one for one in yaml.safe_load_all(text) if one]


def pods(resources: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Each kind of pod by the name of its container, with its template."""
    for one in resources:
        if one["kind"] in PODS:
            pod = one["spec"]["template"]
            yield pod["spec"]["containers"][0]["name"], pod


def environment(container: Resource) -> dict[str, str]:
    return {
        one["name"]: one["value"]
        for one in container["env"]
        if "value" in one and one["name"].startswith("CCSTREAM_")
    }


@needs_helm
@pytest.mark.parametrize("files", VALUES.values(), ids=VALUES)
def test_helm_has_nothing_against_the_chart(files: tuple[str, ...]) -> None:
    done = helm("lint", str(CHART), "--strict", *given(*files))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fail:" not in done.stdout + done.stderr


@needs_helm
@needs_kubeconform
@needs_schemas
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_and_keda_take_what_helm_makes(
    rendered: str, version: str, tmp_path: Path
) -> None:
    assert KUBECONFORM is not None
    kubernetes_schemas(version, tmp_path)
    keda_schemas(tmp_path)
    good, said = kubeconform(KUBECONFORM, tmp_path, rendered)
    assert good, said
    assert "Skipped: 0" in said
    good, said = kubeconform(
        KUBECONFORM, tmp_path, rendered.replace("maxUnavailable", "maxUnavialable")
    )
    assert not good
    assert "maxUnavialable" in said


@needs_kubeconform
def test_strimzi_takes_the_topics_and_users(root: Path, tmp_path: Path) -> None:
    definitions = strimzi_definitions()
    if definitions is None:
        pytest.skip("there are no definitions of Strimzi here (`make deploy-tools` makes them)")
    assert KUBECONFORM is not None
    strimzi_schemas(definitions, tmp_path)
    for name in ("topics", "users"):
        text = (root / "deploy" / "strimzi" / f"{name}.yaml").read_text(encoding="utf-8")
        good, said = kubeconform(KUBECONFORM, tmp_path, text)
        assert good, said
        good, said = kubeconform(KUBECONFORM, tmp_path, text.replace("spec:\n", "spec:\n  no: 1\n"))
        assert not good


@needs_helm
@pytest.mark.parametrize("files", VALUES.values(), ids=VALUES)
def test_ccstream_takes_the_settings_and_runs_the_command(
    files: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line = typer.main.get_command(build(None, load_all=True))
    signed = Authority(tmp_path).sign("gateway")
    monkeypatch.chdir(tmp_path)
    found = dict(pods(read(template(*given(*files)))))
    assert "worker" in found
    for name, pod in found.items():
        (container,) = pod["spec"]["containers"]
        assert unknown_part(command_line, container["args"]) is None
        with monkeypatch.context() as patch:
            for variable, value in environment(container).items():
                patch.setenv(variable, _local(value, tmp_path, signed))
            if "CCSTREAM_KAFKA__OAUTH_TOKEN_FILE" in environment(container):
                patch.setenv("CCSTREAM_KAFKA__SASL_MECHANISM", "OAUTHBEARER")
            settings = Settings.load()
        if name != "topics":
            served = settings.gateway if name == "gateway" else settings.web
            assert served.host == "0.0.0.0"
            (port,) = container["ports"]
            assert port["containerPort"] == served.port
        if name == "gateway":
            assert settings.gateway.auth == "required"


def _local(value: str, folder: Path, signed: Any) -> str:
    """As the kubelet hands it over, with a file of the test's own in place of one in the pod."""
    value = value.replace("$(POD_NAMESPACE)", "shop").replace("$(POD_NAME)", "shop-worker-0")
    if not value.startswith("/etc/ccstream/files/"):
        return value
    setting = value.rpartition("/")[2]
    own = {
        "gateway.tls_certificate_file": signed.certificate,
        "gateway.tls_key_file": signed.key,
    }
    if setting in own:
        return str(own[setting])
    path = folder / setting
    path.write_text("0123456789abcdef" * 4)
    return str(path)


@needs_helm
def test_numbers_stay_whole_and_lists_are_joined(whole: list[Resource]) -> None:
    worker = environment(dict(pods(whole))["worker"]["spec"]["containers"][0])
    assert worker["CCSTREAM_STATE__MEMORY_MAX_BYTES"] == "536870912"
    assert worker["CCSTREAM_CHANNELS_EXTRA"] == "kiosk,marketplace"


@needs_helm
def test_each_file_that_a_setting_names_is_mounted(whole: list[Resource]) -> None:
    for _, pod in pods(whole):
        (container,) = pod["spec"]["containers"]
        sources = [
            source
            for volume in pod["spec"]["volumes"]
            if volume["name"] == "files"
            for source in volume["projected"]["sources"]
        ]
        mounted = {
            item["path"]
            for source in sources
            for part in source.values()
            for item in part.get("items", [part])
        }
        prefix = "/etc/ccstream/files/"
        named = {v.removeprefix(prefix) for v in environment(container).values() if prefix in v}
        assert named == mounted


@needs_helm
def test_no_part_has_the_secrets_of_another(whole: list[Resource]) -> None:
    names = {name: set(environment(pod["spec"]["containers"][0])) for name, pod in pods(whole)}
    assert "CCSTREAM_GATEWAY__SIGNING_KEY_FILE" in names["gateway"]
    for other in ("worker", "heartbeat", "topics"):
        assert not any(name.startswith("CCSTREAM_GATEWAY__") for name in names[other])


@needs_helm
def test_no_pod_is_root_writes_to_its_image_or_has_a_token(rendered: str) -> None:
    for _, pod in pods(read(rendered)):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]


@needs_helm
def test_workers_are_static_members_with_a_budget_and_are_spread(whole: list[Resource]) -> None:
    (workers,) = [one for one in whole if one["kind"] == "StatefulSet"]
    pod = workers["spec"]["template"]
    variables = environment(pod["spec"]["containers"][0])
    assert variables["CCSTREAM_GROUP__INSTANCE_ID"] == "$(POD_NAMESPACE).$(POD_NAME)"
    assert int(variables["CCSTREAM_STATE__STANDBY_REPLICAS"]) >= 1
    spread = {one["topologyKey"] for one in pod["spec"]["topologySpreadConstraints"]}
    assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    (claim,) = workers["spec"]["volumeClaimTemplates"]
    mounts = {one["name"]: one["mountPath"] for one in pod["spec"]["containers"][0]["volumeMounts"]}
    assert variables["CCSTREAM_STATE__DIRECTORY"].startswith(mounts[claim["metadata"]["name"]])


@needs_helm
def test_every_selector_finds_its_pods_and_only_those(whole: list[Resource]) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(whole)}
    for one in whole:
        spec = one.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector")
        if not selector:
            continue
        wanted = selector.get("matchLabels", selector)
        found = [name for name, given in labels.items() if wanted.items() <= given.items()]
        assert found == [wanted["app.kubernetes.io/component"]], one["metadata"]["name"]


@needs_helm
def test_every_part_is_behind_a_policy_that_lets_its_probes_and_brokers_through(
    whole: list[Resource],
) -> None:
    policies = {
        one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: one["spec"]
        for one in whole
        if one["kind"] == "NetworkPolicy"
    }
    ports = {
        name: {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        for name, pod in pods(whole)
        if name != "topics"
    }
    assert policies.keys() == ports.keys()
    for name, policy in policies.items():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        let_in = {port["port"] for rule in policy["ingress"] for port in rule["ports"]}
        assert let_in == ports[name]
        let_out = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
        assert {53, 9093} <= let_out


@needs_helm
def test_keda_scales_the_gateway_by_what_it_measures(whole: list[Resource]) -> None:
    from ccstream.ops.metrics import METRICS

    (scaled,) = [one for one in whole if one["kind"] == "ScaledObject"]
    (gateway,) = [
        one
        for one in whole
        if one["kind"] == "Deployment" and one["metadata"]["name"].endswith("-gateway")
    ]
    assert scaled["spec"]["scaleTargetRef"]["name"] == gateway["metadata"]["name"]
    assert "replicas" not in gateway["spec"]
    queries = [
        one["metadata"]["query"]
        for one in scaled["spec"]["triggers"]
        if one["type"] == "prometheus"
    ]
    assert queries == ["sum(ccstream_gateway_streams)"]
    assert "ccstream_gateway_streams" in METRICS


@needs_helm
def test_what_is_made_can_be_built_on(rendered: str) -> None:
    """By kustomize, or by hand: nothing is there twice, and nothing but jobs is Helm's own."""
    resources = read(rendered)
    names = [(one["kind"], one["metadata"]["name"]) for one in resources]
    assert len(names) == len(set(names))
    for one in resources:
        assert "namespace" not in one["metadata"]
        hooks = [key for key in one["metadata"].get("annotations", {}) if "helm.sh/hook" in key]
        assert not hooks or one["kind"] == "Job"
    assert "&" not in rendered.replace("&&", "")


@needs_helm
def test_the_command_that_the_page_has_for_it_works_as_it_is_written() -> None:
    root = CHART.parents[2]
    page = root.joinpath("docs", "deployment.md").read_text("utf-8")
    (line,) = (one for one in page.splitlines() if one.startswith("helm template "))
    command, to, file = line.partition(" > ")
    assert to and file
    assert HELM is not None
    done = subprocess.run(
        [HELM, *shlex.split(command)[1:]],
        capture_output=True,
        text=True,
        timeout=TOOL_S_MAX,
        check=False,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    assert {one["kind"] for one in read(done.stdout)} >= {"StatefulSet", "Service"}


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """What Helm says of values that it does not take."""

    def ask(values: Any) -> str:
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        done = helm("template", "shop", str(CHART), "--values", str(path))
        assert done.returncode != 0
        return done.stderr

    return ask


@needs_helm
def test_helm_says_which_value_is_wrong(refused: Refused) -> None:
    said = refused({"settings": {"kafka": {"partitions": "many"}}, "worker": {"replicsa": 3}})
    assert "at '/settings/kafka/partitions': got string, want integer" in said
    assert "additional properties 'replicsa' not allowed" in said


@needs_helm
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"worker": {"replicas": 1}}, "give fewer standbys or more workers"),
        ({"worker": {"replicas": 49}}, "a worker without a partition does nothing"),
        ({"worker": {"persistence": {"enabled": True}}}, "set worker.settings.state.store to rock"),
        (
            {"gateway": {"enabled": True, "files": {"gateway.signing_key_file": None}}},
            "openssl rand -hex 32",
        ),
        (
            {"gateway": {"enabled": True, "files": {"gateway.keys_file": None}}},
            "would let nobody in",
        ),
        (
            {
                "gateway": {
                    "enabled": True,
                    "keda": {"enabled": True, "cpuUtilizationPercent": 0},
                }
            },
            "has nothing to go by",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused_with_what_to_do(
    refused: Refused, values: Any, words: str
) -> None:
    assert words in refused(values)
