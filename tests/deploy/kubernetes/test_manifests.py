"""What the manifests say: valid by Kubernetes' own schemas, confined, and in step with what our processes read."""

import re
import tomllib

import kubernetes_validate
import pytest
import yaml
from billing.settings import BillingSettings
from gateway.settings import GatewaySettings
from notify.settings import NotifySettings
from rejesha_cli.certificates.holders import CALLED
from router_control.settings import RouterControlSettings
from servicekit.rpc.identity import of_uris
from servicekit.rpc.server import LIVENESS

from tests.deploy.kubernetes.manifests import OVERLAYS, ROOT, manifests, named, variables, workloads

# The oldest version that has all that we use, and the newest of which there are schemas.
VERSIONS = ("1.29", kubernetes_validate.latest_version())
# Whose schemas are not among Kubernetes' own: of these the fields that their documentation has, of those that we use.
CUSTOM = {
    "Issuer": {"selfSigned", "ca"},
    "Certificate": {
        "isCA", "commonName", "secretName", "duration", "privateKey", "issuerRef", "dnsNames", "usages"
    },
    "ScaledObject": {"scaleTargetRef", "pollingInterval", "minReplicaCount", "maxReplicaCount", "triggers"},
    "TriggerAuthentication": {"secretTargetRef"},
}  # fmt: skip
ASKED_OF_CERT_MANAGER = {
    "issuer-name", "common-name", "uri-sans", "dns-names", "key-usages", "key-encoding", "fs-group",
}  # fmt: skip
SETTINGS = {
    "intake": GatewaySettings,
    "dispatcher": GatewaySettings,
    "billing": BillingSettings,
    "router-control": RouterControlSettings,
    "notify": NotifySettings,
}
OURS = [(overlay, name) for overlay in ("try", "production") for name in SETTINGS]


MONITORING = ROOT / "deploy" / "monitoring"


def workload(overlay, name):
    (found,) = [one for one in workloads(overlay) if one.name == name]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_manifest_is_what_the_schemas_of_kubernetes_ask_for(overlay, version):
    for manifest in manifests(overlay):
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            assert set(manifest["spec"]) <= CUSTOM[manifest["kind"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_keeps_to_the_restricted_standard_and_writes_to_its_volumes_alone(overlay):
    (namespace,) = manifests(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for one in workloads(overlay):
        assert one.pod["securityContext"]["runAsNonRoot"] is True
        assert one.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {one.pod["automountServiceAccountToken"], one.pod["enableServiceLinks"]} == {False}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & one.pod.keys()
        assert {kind for each in one.pod.get("volumes", []) for kind in each} <= {"name", "csi", "secret", "emptyDir"}
        for container in one.containers:
            confined = {"drop": ["ALL"]}, False, True
            mine = container["securityContext"]
            found = mine["capabilities"], mine["allowPrivilegeEscalation"], mine["readOnlyRootFilesystem"]
            assert found == confined
            assert {"cpu", "memory"} == container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_and_the_names_of_jobs_have_our_version(overlay):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for one in workloads(overlay):
        images = [each["image"] for each in one.containers if "rejesha/" in each["image"]]
        assert all(image.endswith(f":{version}") for image in images)
        if one.kind == "Job":
            assert one.manifest["metadata"]["name"] == f"{one.name}-{version.replace('.', '-')}"


@pytest.mark.parametrize(("overlay", "name"), OURS)
def test_a_process_reads_every_setting_that_it_is_given(overlay, name):
    one = workload(overlay, name)
    given = set(variables(one.main))
    for source in one.main.get("envFrom", []):
        given |= named(overlay, "ConfigMap", source["configMapRef"]["name"])["data"].keys()
    assert {variable.removesuffix("_FILE") for variable in given} <= SETTINGS[name].variables()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_secret_that_a_process_reads_is_a_file_of_its_secret_and_the_documentation_names_it(overlay):
    text = (ROOT / "docs" / "deployment.md").read_text()
    documented = {
        row[0]: set(re.findall(r"`([a-z-]+)`", row[1]))
        for row in re.findall(r"^\| Secret `(.+?)` \| (.+) \|$", text, re.MULTILINE)
    }
    read = {file for one in workloads(overlay) if one.name != "mysql" for file in one.secret_files()}
    assert read
    for name, key in read:
        assert key in named("try", "Secret", name)["data"]
        assert key in documented[name if overlay != "try" else name.rpartition("-")[0]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_has_a_database_believes_the_authority_in_its_secret_alone_and_sees_nothing_else_of_that(overlay):
    connected = [
        (one, container)
        for one in workloads(overlay)
        for container in one.containers
        if "REJESHA_DATABASE_URL_FILE" in variables(container)
    ]
    assert connected
    for one, container in connected:
        folder, _, file = variables(container)["REJESHA_DATABASE_CA"].rpartition("/")
        (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
        mounted = one.volume(mount["name"])["secret"]
        assert (mounted["secretName"], mounted["items"]) == ("database", [{"key": file, "path": file}])


@pytest.mark.parametrize(("overlay", "name"), OURS)
def test_prometheus_finds_each_process_by_the_name_of_its_port_and_calls_it_as_the_alerts_do(overlay, name):
    one = workload(overlay, name)
    (job,) = yaml.safe_load((MONITORING / "kubernetes.yaml").read_text())["scrape_configs"]
    (discovery,), (kept, *_) = job["kubernetes_sd_configs"], job["relabel_configs"]
    assert discovery["namespaces"] == {"names": [one.manifest["metadata"]["namespace"]]}
    assert str(one.ports[kept["regex"]]) == variables(one.main)["REJESHA_METRICS_PORT"]
    (called,) = re.findall(r'up\{job=~"(.+?)"\}', (MONITORING / "alerts.yaml").read_text())
    assert re.fullmatch(called, one.labels["app.kubernetes.io/name"])


@pytest.mark.parametrize(("overlay", "name"), OURS)
def test_what_restarts_a_process_does_not_follow_its_database_and_what_sends_it_calls_does(overlay, name):
    probes = {each: workload(overlay, name).main[f"{each}Probe"] for each in ("startup", "liveness", "readiness")}
    for each, probe in probes.items():
        of_life = each != "readiness"
        if name in CALLED:
            assert probe["grpc"].get("service", "") == (LIVENESS if of_life else "")
        else:
            assert probe["httpGet"]["path"] == ("/livez" if of_life else "/readyz")


@pytest.mark.parametrize(("overlay", "name"), OURS)
def test_a_certificate_names_the_pod_s_role_and_is_good_for_no_more_than_that(overlay, name):
    asked = workload(overlay, name).certificate()
    assert asked.keys() <= ASKED_OF_CERT_MANAGER
    identity = of_uris([asked["uri-sans"].replace("${POD_NAME}", "pod-1")])
    assert identity.name == f"{name}/pod-1"
    if name in CALLED:
        assert asked["dns-names"] == name
    assert asked["key-usages"] == f"digital signature,{'server' if name in CALLED else 'client'} auth"


@pytest.mark.parametrize("overlay", ["try", "production"])
def test_each_target_is_a_service_of_all_addresses_of_pods_that_listen_there(overlay):
    for one in workloads(overlay):
        given = variables(one.main)
        for target in [value for name, value in given.items() if name.endswith("_TARGET")]:
            name, port = re.fullmatch(r"dns:///([a-z-]+):(\d+)", target).groups()
            service = named(overlay, "Service", name)["spec"]
            assert service["clusterIP"] == "None"
            assert service["selector"].items() <= workload(overlay, name).labels.items()
            assert {each["port"] for each in service["ports"]} == {int(port)}
            assert int(port) in {each["containerPort"] for each in workload(overlay, name).main["ports"]}


@pytest.mark.parametrize("overlay", ["production", "production with keda"])
def test_each_process_is_scaled_by_one_and_guarded_by_one_and_an_intake_never_taken_away(overlay):
    scalers = manifests(overlay, "HorizontalPodAutoscaler", "ScaledObject")
    assert sorted(one["spec"]["scaleTargetRef"]["name"] for one in scalers) == sorted(SETTINGS)
    guards = [one["spec"]["selector"]["matchLabels"] for one in manifests(overlay, "PodDisruptionBudget")]
    assert sorted(labels["app.kubernetes.io/name"] for labels in guards) == sorted(SETTINGS)
    intake = named(overlay, "HorizontalPodAutoscaler", "intake")["spec"]
    assert intake["scaleTargetRef"]["kind"] == workload(overlay, "intake").kind
    assert intake["behavior"]["scaleDown"] == {"selectPolicy": "Disabled"}
    assert (
        workload(overlay, "intake").manifest["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"] == "Retain"
    )
