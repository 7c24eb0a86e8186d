"""The manifests of deploy/k8s as kubectl puts them together, and what they say of pods."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "deploy" / "k8s"
KUBECTL = Path(sys.executable).with_name("kubectl")
# What can be applied: the two overlays, and the one for business with the component for KEDA.
OVERLAYS = {"try": [], "production": [], "production with keda": ["keda"]}

Manifest = dict[str, Any]


@functools.cache
def built(overlay: str) -> str:
    """An overlay as one stream of YAML."""
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.relpath(SOURCES, Path(folder).resolve())
        components = [f"{here}/{name}" for name in OVERLAYS[overlay]]
        outer = {"resources": [f"{here}/{overlay.partition(' ')[0]}"], "components": components}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(outer))
        command = [KUBECTL, "kustomize", folder]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def manifests(overlay: str, *kinds: str) -> list[Manifest]:
    """All of an overlay, or those of some kinds."""
    return [one for one in _read(overlay) if not kinds or one["kind"] in kinds]


@functools.cache
def _read(overlay: str) -> list[Manifest]:
    return list(yaml.load_all(built(overlay), yaml.CSafeLoader))


def named(overlay: str, kind: str, name: str) -> Manifest:
    """The only one of this kind and name; of what kustomize generates, the name before its hash."""
    (found,) = [
        one
        for one in manifests(overlay, kind)
        if name in (one["metadata"]["name"], _without_hash(one["metadata"]["name"]))
    ]
    return found


def _without_hash(name: str) -> str:
    return name.rpartition("-")[0]


@dataclass(frozen=True)
class Workload:
    """What runs pods. `name`: that of its pods, by which Services and policies select them."""

    overlay: str
    manifest: Manifest

    @property
    def kind(self) -> str:
        return str(self.manifest["kind"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.manifest["spec"]["template"]["metadata"]["labels"])

    @property
    def name(self) -> str:
        return self.labels["app.kubernetes.io/name"]

    @property
    def pod(self) -> Manifest:
        return dict(self.manifest["spec"]["template"]["spec"])

    @property
    def containers(self) -> list[Manifest]:
        """The one that starts first before the others."""
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def main(self) -> Manifest:
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def ports(self) -> dict[str, int]:
        """Where its main container listens, by name."""
        return {one["name"]: one["containerPort"] for one in self.main.get("ports", [])}

    def volume(self, name: str) -> Manifest:
        """A volume, claimed ones among them."""
        claims = [
            {"name": one["metadata"]["name"], "claim": one}
            for one in self.manifest["spec"].get("volumeClaimTemplates", [])
        ]
        (found,) = [one for one in [*self.pod.get("volumes", []), *claims] if one["name"] == name]
        return found

    def secret_files(self) -> set[tuple[str, str]]:
        """The Secrets' files that settings of its containers name: of each its Secret and its key."""
        found = set()
        for container in self.containers:
            paths = [value for name, value in variables(container).items() if name.endswith("_FILE")]
            for mount in container.get("volumeMounts", []):
                inside = [path for path in paths if path.rpartition("/")[0] == mount["mountPath"]]
                secret = self.volume(mount["name"]).get("secret", {}).get("secretName", "")
                found |= {(secret, path.rpartition("/")[2]) for path in inside}
            assert len(paths) <= len(found)
        return found

    def certificate(self) -> dict[str, str]:
        """What its certificate is asked with: the attributes without their prefix; empty where it has none."""
        for volume in self.pod.get("volumes", []):
            if "csi" in volume:
                attributes = volume["csi"]["volumeAttributes"]
                return {name.removeprefix("csi.cert-manager.io/"): value for name, value in attributes.items()}
        return {}

    def roles(self) -> set[str]:
        """The roles that its certificate names."""
        uris = self.certificate().get("uri-sans", "").split(",")
        return {uri.removeprefix("rejesha://").partition("/")[0] for uri in uris if uri}


def workloads(overlay: str) -> Iterator[Workload]:
    """All of an overlay."""
    for manifest in manifests(overlay, "Deployment", "StatefulSet", "Job"):
        yield Workload(overlay, manifest)


def variables(container: Manifest) -> dict[str, str]:
    """What a container's environment says by itself."""
    return {one["name"]: one["value"] for one in container.get("env", [])}
