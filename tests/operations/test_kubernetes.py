"""The Kubernetes manifests: what they name exists, labels meet, and a pod has no right that it does not need."""

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types
from click.testing import CliRunner

from cds_service.cli.main import cli
from cds_service.config import read_settings
from cds_service.hooks.services import SERVICES
from cds_service.security.addresses import may_connect
from cds_service.security.clients import load_clients
from cds_service.web.interface import interface

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
BASE, EXAMPLE = FOLDER / "base", FOLDER / "example"
SERVICE = {"app.kubernetes.io/name": "marrow-cds", "app.kubernetes.io/component": "service"}
VERSIONS = {
    "Service": "v1",
    "ServiceAccount": "v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
}
# What the Secret of a site brings, as its overlay says.
SECRET = {
    "MARROW_DATABASE_URL": "postgresql://marrow:x@db.example.org/marrow",
    "MARROW_REDIS_URL": "redis://cache.example.org:6379/0",
    "MARROW_PATIENT_HASH_KEY": "x" * 40,
    "MARROW_METRICS_SECRET": "x" * 20,
    "MARROW_USAGE_SECRET": "x" * 20,
}


def kustomization(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return found


def manifests(folder: Path) -> list[dict[str, Any]]:
    files = [name for name in kustomization(folder)["resources"] if name.endswith(".yaml")]
    return [one for name in files for one in yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))]


ALL = [*manifests(BASE), *manifests(EXAMPLE)]


def only(kind: str, name: str = "") -> dict[str, Any]:
    (found,) = [one for one in ALL if one["kind"] == kind and name in ("", one["metadata"]["name"])]
    return found


PODS = {kind: only(kind)["spec"]["template"] for kind in ("StatefulSet", "Job")}


def container(kind: str) -> dict[str, Any]:
    (found,) = PODS[kind]["spec"]["containers"]
    return dict(found)


def test_every_file_is_used_and_every_object_is_of_a_known_kind() -> None:
    for folder in (BASE, EXAMPLE):
        given = kustomization(folder)
        used = {*given["resources"], *(patch["path"] for patch in given.get("patches", ())), "kustomization.yaml"}
        for made in given.get("configMapGenerator", ()):
            used |= {*made.get("envs", ()), *made.get("files", ())}
        assert {path.name for path in folder.iterdir()} == used - {"../base"}
    for one in ALL:
        assert VERSIONS[one["kind"]] == one["apiVersion"], one["kind"]
    assert len({(one["kind"], one["metadata"]["name"]) for one in ALL}) == len(ALL)
    assert {one["kind"] for one in ALL} == set(VERSIONS)


def test_labels_of_pods_meet_every_selector() -> None:
    labels = PODS["StatefulSet"]["metadata"]["labels"]
    assert labels == SERVICE == only("StatefulSet")["spec"]["selector"]["matchLabels"]
    for one in (only("Service", "marrow-cds"), only("Service", "marrow-cds-pods")):
        assert one["spec"]["selector"] == labels
    assert only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    for spread in PODS["StatefulSet"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels
    # No call goes to the pod of the migration, but the policy is for both.
    assert PODS["Job"]["metadata"]["labels"].items() != labels.items()
    for template in PODS.values():
        guarded = only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
        assert guarded.items() <= template["metadata"]["labels"].items()


def test_names_lead_to_objects_that_are_there() -> None:
    stateful = only("StatefulSet")
    assert stateful["spec"]["serviceName"] == "marrow-cds-pods"
    assert only("Service", "marrow-cds-pods")["spec"]["clusterIP"] == "None"
    scaled = only("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"], scaled["apiVersion"]) == ("StatefulSet", "marrow-cds", "apps/v1")
    generated = {made["name"] for made in kustomization(EXAMPLE)["configMapGenerator"]}
    for kind, template in PODS.items():
        assert template["spec"]["serviceAccountName"] == only("ServiceAccount")["metadata"]["name"]
        assert {
            source["configMapRef"]["name"] for source in container(kind)["envFrom"] if "configMapRef" in source
        } == {"marrow-cds"}
        named = {volume["configMap"]["name"] for volume in template["spec"].get("volumes", ()) if "configMap" in volume}
        assert named <= generated
        claimed = {claim["metadata"]["name"] for claim in only("StatefulSet")["spec"]["volumeClaimTemplates"]}
        volumes = {volume["name"] for volume in template["spec"]["volumes"]} | (
            claimed if kind == "StatefulSet" else set()
        )
        assert {mount["name"] for mount in container(kind)["volumeMounts"]} == volumes
        assert container(kind)["image"] == kustomization(EXAMPLE)["images"][0]["name"]
    for path in only("Ingress")["spec"]["rules"][0]["http"]["paths"]:
        backend = path["backend"]["service"]
        ports = {port["name"] for port in only("Service", backend["name"])["spec"]["ports"]}
        assert backend["port"]["name"] in ports
    patched = yaml.safe_load((EXAMPLE / "network-policy.yaml").read_text(encoding="utf-8"))
    assert patched["metadata"]["name"] == only("NetworkPolicy")["metadata"]["name"]


def test_ports_and_probes_are_those_of_the_service() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    served = container("StatefulSet")
    (port,) = served["ports"]
    assert f"MARROW_PORT={port['containerPort']}" in image
    for service in ("marrow-cds", "marrow-cds-pods"):
        assert [one["targetPort"] for one in only("Service", service)["spec"]["ports"]] == [port["name"]]
    (entry,) = only("NetworkPolicy")["spec"]["ingress"]
    assert [one["port"] for one in entry["ports"]] == [port["containerPort"]]
    paths = {name: served[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"startupProbe": "/livez", "readinessProbe": "/readyz", "livenessProbe": "/livez"}
    assert all(served[name]["httpGet"]["port"] == port["name"] for name in paths)


def test_commands_exist() -> None:
    for kind in PODS:
        words = container(kind)["args"]
        assert CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0, words


@pytest.mark.parametrize("kind", PODS)
def test_pod_has_no_right_that_it_does_not_need(kind: str) -> None:
    pod, run = PODS[kind]["spec"], container(kind)
    user = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user == [str(pod["securityContext"]["runAsUser"])]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert run["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {"requests", "limits"} == set(run["resources"])
    assert "memory" in run["resources"]["limits"]
    # Links of a service of this name come as MARROW_CDS_…, which no setting is: the service would not start.
    assert pod["enableServiceLinks"] is False


def test_what_waits_in_a_spool_outlives_its_pod() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (place,) = re.findall(r"MARROW_STATE_DIR=(\S+)", image)
    for kind in PODS:
        assert {mount["mountPath"] for mount in container(kind)["volumeMounts"] if mount["name"] == "state"} == {place}
    (claim,) = only("StatefulSet")["spec"]["volumeClaimTemplates"]
    size = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 1024
    # Two spools at their limit, and something to spare.
    assert size > 2 * read_settings({}).spool_megabytes + 100


def test_pods_end_after_their_calls_and_never_all_at_once() -> None:
    pod = PODS["StatefulSet"]["spec"]
    waits = int(container("StatefulSet")["lifecycle"]["preStop"]["exec"]["command"][1])
    # The service lets calls run for 15 seconds after it was told to end.
    assert pod["terminationGracePeriodSeconds"] > waits + 15
    assert only("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert only("StatefulSet")["spec"]["replicas"] == only("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


def test_settings_of_the_example_let_the_service_start(tmp_path: Path) -> None:
    lines = (EXAMPLE / "settings.env").read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines)
    assert not set(given) & set(SECRET)
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    built_in = dict(re.findall(r"(MARROW_[A-Z_]+)=(\S+)", image))
    text = (EXAMPLE / "kustomization.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"MARROW_[A-Z_]+", text)) == set(SECRET)
    settings = read_settings({**built_in, **given, **SECRET})
    settings.check_exposure()
    settings.check_results()
    assert settings.base_url.startswith("https://")
    mounted = next(m["mountPath"] for m in container("StatefulSet")["volumeMounts"] if m["name"] == "clients")
    assert str(settings.clients) == f"{mounted}/clients.toml"
    hosts = {rule["host"] for rule in only("Ingress")["spec"]["rules"]}
    assert {settings.base_url.removeprefix("https://")} == hosts
    assert {host for entry in only("Ingress")["spec"]["tls"] for host in entry["hosts"]} == hosts
    registry = tmp_path / "clients.toml"
    registry.write_bytes((EXAMPLE / "clients.toml").read_bytes())
    assert load_clients(registry, lambda *_: None).clients  # type: ignore[arg-type]  # no key is fetched


def test_limits_of_the_ingress_are_those_of_the_service() -> None:
    notes = only("Ingress")["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io/"
    assert notes[f"{prefix}proxy-body-size"] == f"{read_settings({}).max_body_bytes // 2**20}m"
    assert float(notes[f"{prefix}proxy-read-timeout"]) > read_settings({}).budget_seconds + 2


def test_ingress_publishes_what_is_for_everybody_only() -> None:
    rules = only("Ingress")["spec"]["rules"][0]["http"]["paths"]

    def published(path: str) -> bool:
        return any(
            path == rule["path"] or (rule["pathType"] == "Prefix" and path.startswith(f"{rule['path'].rstrip('/')}/"))
            for rule in rules
        )

    assert {rule["pathType"] for rule in rules} <= {"Exact", "Prefix"}
    routes = {path for path in interface("https://cds.example.org")["paths"] if published(path)}
    hooks = {path for path in routes if path.startswith("/cds-services/")}
    assert hooks == {f"/cds-services/{one.id}{end}" for one in SERVICES for end in ("", "/feedback")}
    assert routes - hooks == {"/cds-services", "/about", "/about/knowledge", "/static/{filename}"}
    assert not published("/about/usage/")


def test_private_networks_of_the_example_are_those_that_its_policy_lets_the_service_reach() -> None:
    policy = yaml.safe_load((EXAMPLE / "network-policy.yaml").read_text(encoding="utf-8"))
    blocks = [
        ipaddress.ip_network(to["ipBlock"]["cidr"])
        for rule in policy["spec"]["egress"]
        for to in rule["to"]
        if "ipBlock" in to and any(port["port"] == 443 for port in rule["ports"])
    ]
    lines = (EXAMPLE / "settings.env").read_text(encoding="utf-8").splitlines()
    listed = read_settings(dict(line.split("=", 1) for line in lines)).private_networks
    assert {str(block) for block in blocks if block.is_private} == set(listed)
    inside = next(block for block in blocks if block.is_private)[1]
    assert may_connect("fhir.example.org", inside, [ipaddress.ip_network(network) for network in listed])


def test_no_secret_stands_in_a_file() -> None:
    assert not [one for one in ALL if one["kind"] == "Secret"]
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert not re.search(r"(?i)password|://\w+:\w+@|BEGIN", path.read_text(encoding="utf-8")), path


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed; it puts the overlay together")
def test_overlay_is_put_together_as_a_cluster_would_get_it() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(EXAMPLE)], capture_output=True, text=True, check=True)
    made = list(yaml.safe_load_all(done.stdout))
    given = kustomization(EXAMPLE)
    assert {one["metadata"]["namespace"] for one in made} == {given["namespace"]}
    (image,) = given["images"]
    pods = [one["spec"]["template"]["spec"] for one in made if one["kind"] in PODS]
    assert [pod["containers"][0]["image"] for pod in pods] == [f"{image['newName']}:{image['newTag']}"] * len(PODS)
    # What the site allows takes the place of what the base allows; what comes in stays.
    policy = next(one["spec"] for one in made if one["kind"] == "NetworkPolicy")
    patch = yaml.safe_load((EXAMPLE / "network-policy.yaml").read_text(encoding="utf-8"))
    assert policy == only("NetworkPolicy")["spec"] | patch["spec"]
