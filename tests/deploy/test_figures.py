"""What docs/deployment.md says of an installation's size; `make figures` prints it."""

import json
import subprocess

from tests.deploy.running import TAG

BASE = "python:3.13-slim"
IMAGES = ("billing", "router-control", "notify", "gateway", "command")
OURS = ("intake", "dispatcher", "billing", "router-control", "notify")
UNITS = {"B": 1 / 2**20, "KiB": 1 / 2**10, "MiB": 1, "GiB": 2**10}


def size(reference):
    """Of an image, in MB."""
    found = subprocess.run(["docker", "image", "inspect", reference], check=True, capture_output=True).stdout
    return json.loads(found)[0]["Size"] / 1e6


def test_an_image_adds_less_than_110_mb_to_its_base(installation):
    added = {name: round(size(f"rejesha/{name}:{TAG}") - size(BASE)) for name in IMAGES}
    print(f"\nMB over {BASE}: {added}")  # noqa: T201
    assert max(added.values()) < 110


def memory(installation, service):
    """Of a service's only container, in MiB, as `docker stats` has it: "45.2MiB / 512MiB"."""
    (container,) = installation.containers(service)
    command = ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", container["Id"]]
    used = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[0]
    number = used.rstrip("BKMGi")
    return float(number) * UNITS[used.removeprefix(number)]


def test_a_process_of_ours_takes_less_than_a_quarter_of_its_memory_at_rest(installation):
    print(f"\n`make up` with built images, to the first accepted payment: {installation.started_in:.0f} s")  # noqa: T201
    taken = {service: round(memory(installation, service)) for service in (*OURS, "proxy", "mysql")}
    print(f"MiB at rest: {taken}")  # noqa: T201
    assert max(taken[service] for service in OURS) < 512 / 4
