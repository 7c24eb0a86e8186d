"""A namespace without Kubernetes: the containers of manifests, run by Docker as those say, and their own probes."""

import base64
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rejesha_cli.certificates import authority
from servicekit.rpc.identity import Identity, of_uris

from tests.deploy.kubernetes.manifests import Manifest, Workload, manifests, named, variables, workloads
from tests.deploy.running import image

# Of a Job that others make wait, such as one whose database has not come up.
_TRIES = 30


@dataclass(frozen=True)
class Cluster:
    """`network`: of all its containers; `folder`: what is mounted into them, a directory for each volume."""

    overlay: str
    network: str
    folder: Path

    def start(self, workload: Workload) -> None:
        """Run a pod's containers in their order, without their probes; of a Job, until it has succeeded."""
        if workload.kind == "Job":
            for container in workload.containers:
                self._until_it_succeeds(workload, container)
            return
        for container in workload.pod.get("initContainers", []):
            self.run(workload, container, "--rm")
        self.run(workload, workload.main, "--detach", "--name", self.container(workload.name))

    def _until_it_succeeds(self, workload: Workload, container: Manifest) -> None:
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                return self.run(workload, container, "--rm")
            except subprocess.CalledProcessError as error:
                if last:
                    raise AssertionError(f"{workload.name}: {error.stderr}") from None
            time.sleep(1)
        return None

    def run(self, workload: Workload, container: Manifest, *how: str) -> None:
        """A container of a pod, with these options of Docker's."""
        command = ["docker", "run", *how, *self._place(workload), *self._confined(workload, container)]
        entry, *more = container.get("command", [""])
        command += ["--entrypoint", entry] if entry else []
        for name, value in self._environment(workload, container).items():
            command += ["--env", f"{name}={value}"]
        for mount in container.get("volumeMounts", []):
            command += self._mount(workload, mount)
        command += [_image(container["image"]), *more, *container.get("args", [])]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)

    def _place(self, workload: Workload) -> list[str]:
        """Under the name of each Service that selects its pods."""
        labels = workload.labels.items()
        services = [one for one in manifests(workload.overlay, "Service") if one["spec"]["selector"].items() <= labels]
        aliases = [f"--network-alias={one['metadata']['name']}" for one in services]
        return ["--network", self.network, "--hostname", f"{workload.name}-0", *aliases]

    def _confined(self, workload: Workload, container: Manifest) -> list[str]:
        mine, pods = container["securityContext"], workload.pod["securityContext"]
        assert mine["allowPrivilegeEscalation"] is False
        dropped = [f"--cap-drop={each}" for each in mine["capabilities"]["drop"]]
        limits = container["resources"]["limits"]
        cpus = [f"--cpus={limits['cpu']}"] if "cpu" in limits else []
        return [
            f"--user={pods['runAsUser']}:{pods['runAsGroup']}",
            f"--memory={limits['memory'].removesuffix('i')}",
            *(["--read-only"] if mine["readOnlyRootFilesystem"] else []),
            "--security-opt=no-new-privileges",
            *cpus,
            *dropped,
        ]

    def _environment(self, workload: Workload, container: Manifest) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            found |= named(workload.overlay, "ConfigMap", source["configMapRef"]["name"])["data"]
        return found | variables(container)

    def _mount(self, workload: Workload, mount: Manifest) -> list[str]:
        volume, path = workload.volume(mount["name"]), mount["mountPath"]
        mode = "ro" if mount.get("readOnly") else "rw"
        source = self.folder / f"{workload.name}-{mount['name']}"
        if not source.exists():
            self._fill(source, workload, volume)
        return ["--volume", f"{source}:{path}:{mode}"]

    def _fill(self, source: Path, workload: Workload, volume: Manifest) -> None:
        """As the kubelet and cert-manager leave it: root's, and the group may read it, or write what is claimed."""
        source.mkdir()
        group = workload.pod["securityContext"]["fsGroup"]
        owner = 0 if _is_ours(workload.main["image"]) else workload.pod["securityContext"]["runAsUser"]
        if "csi" in volume:
            self._issue(source, workload)
        elif "secret" in volume:
            files = self._files(volume["secret"]["secretName"], source.name)
            chosen = volume["secret"].get("items", [{"key": name, "path": name} for name in files])
            for item in chosen:
                (source / item["path"]).write_text(files[item["key"]])
        # A database's image may want to own where it writes.
        os.chown(source, owner, group)
        source.chmod(0o2777 if "emptyDir" in volume else 0o2775)
        for path in source.iterdir():
            os.chown(path, 0, group)
            path.chmod(volume.get("secret", {}).get("defaultMode", 0o440))

    def _issue(self, source: Path, workload: Workload) -> None:
        """What `rejesha certificate issue` gives for the names that cert-manager is asked for."""
        uris = workload.certificate()["uri-sans"].replace("${POD_NAME}", f"{workload.name}-0")
        authority.issue(self.folder, of_uris(uris.split(",")), folder=source.name)

    def _files(self, name: str, mounted: str) -> dict[str, str]:
        """Of a Secret: those in its manifest, or those that cert-manager makes for a server that is none of ours."""
        asked = [one["spec"] for one in manifests("try", "Certificate") if one["spec"]["secretName"] == name]
        if not asked:
            return secret(name)
        (host,) = asked[0]["dnsNames"]
        issued = authority.issue(self.folder, Identity(host), folder=f"{mounted}-issued", host=host)
        return {path.name: path.read_text() for path in issued.folder.iterdir()}

    def container(self, name: str) -> str:
        return f"{self.network}-{name}"

    def address(self, name: str) -> str:
        """Of a container, as this machine reaches it."""
        return str(self.state(name)["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def state(self, name: str) -> dict[str, Any]:
        """What the engine knows of a container."""
        asked = subprocess.run(["docker", "inspect", self.container(name)], check=True, capture_output=True)
        return dict(json.loads(asked.stdout)[0])

    def logs(self, name: str) -> str:
        done = subprocess.run(["docker", "logs", self.container(name)], check=True, capture_output=True, text=True)
        return done.stdout + done.stderr

    def is_well(self, workload: Workload, probe: str) -> bool:
        """Whether a pod's probe, such as "readinessProbe", says that all is well."""
        asked = workload.main[probe]
        if "exec" in asked:
            command = ["docker", "exec", self.container(workload.name), *asked["exec"]["command"]]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        address, seconds = self.address(workload.name), asked.get("timeoutSeconds", 1)
        if "httpGet" in asked:
            port = _port(workload, asked["httpGet"]["port"])
            return _answers(f"http://{address}:{port}{asked['httpGet']['path']}", seconds)
        return _says_serving(f"{address}:{asked['grpc']['port']}", asked["grpc"].get("service", ""), seconds)

    def wait_until_ready(self, workload: Workload) -> None:
        """Probe it as the kubelet does: first whether it has started, in the time that it has for that."""
        probes = [name for name in ("startupProbe", "readinessProbe") if name in workload.main]
        for probe in probes:
            asked = workload.main[probe]
            deadline = time.monotonic() + asked.get("periodSeconds", 10) * max(asked.get("failureThreshold", 3), 12)
            while not self.is_well(workload, probe):
                assert self.state(workload.name)["State"]["Running"], self.logs(workload.name)
                assert time.monotonic() < deadline, self.logs(workload.name)
                time.sleep(0.2)


def secret(name: str) -> dict[str, str]:
    """A Secret's files; the overlay for trying has all that the other one names."""
    data = named("try", "Secret", name)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def _image(name: str) -> str:
    """Ours as the tests have built it."""
    return image(name.rpartition("/")[2].partition(":")[0]) if _is_ours(name) else name


def _is_ours(image_name: str) -> bool:
    return "rejesha/" in image_name


def _port(workload: Workload, port: str | int) -> int:
    return port if isinstance(port, int) else workload.ports[port]


def _answers(url: str, seconds: float) -> bool:
    try:
        return bool(httpx.get(url, timeout=seconds, trust_env=False).is_success)
    except httpx.TransportError:
        return False


def _says_serving(address: str, service: str, seconds: float) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@contextmanager
def applied(overlay: str, folder: Path) -> Iterator[Cluster]:
    """All of an overlay started at once, as an API server does that knows no order, until all of it is ready."""
    network = f"rejesha-k8s-{secrets.token_hex(3)}"
    cluster = Cluster(overlay, network, folder)
    authority.create(folder)
    subprocess.run(["docker", "network", "create", network], check=True, capture_output=True)
    try:
        everything = [*workloads(overlay), *beside(overlay)]
        with ThreadPoolExecutor(len(everything)) as threads:
            list(threads.map(cluster.start, everything))
        for workload in everything:
            if workload.kind != "Job":
                cluster.wait_until_ready(workload)
        yield cluster
    finally:
        names = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", f"network={network}"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        subprocess.run(["docker", "rm", "--force", "--volumes", *names], check=False, capture_output=True)
        subprocess.run(["docker", "network", "rm", network], check=False, capture_output=True)


def beside(overlay: str) -> list[Workload]:
    """What an overlay takes to be there: the operator's own MySQL, for which the one for trying stands in."""
    return [] if overlay == "try" else [one for one in workloads("try") if one.name == "mysql"]
