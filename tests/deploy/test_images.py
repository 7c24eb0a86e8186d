"""What an image says of itself, and what is in it."""

import json
import subprocess

import pytest

from tests.deploy import running

# What its neighbours need and it does not.
FOREIGN = {
    "billing": ["librouteros", "fastapi", "phonenumbers", "simulators", "rejesha_cli", "uv", "pip"],
    "router-control": ["fastapi", "phonenumbers", "dateutil", "rejesha_cli", "uv", "pip"],
    "notify": ["librouteros", "fastapi", "dateutil", "rejesha_cli", "uv", "pip"],
    "gateway": ["sqlalchemy", "pymysql", "librouteros", "rejesha_cli", "uv", "pip"],
    "command": ["sqlalchemy", "pymysql", "librouteros", "billing", "gateway", "uv", "pip"],
}
_FOUND = "import sys, importlib.util as u; print(*(name for name in sys.argv[1:] if u.find_spec(name)))"


@pytest.fixture(params=FOREIGN)
def image(request, installation):
    return request.param


def test_it_starts_without_a_shell_and_as_nobody(image):
    (found,) = json.loads(
        subprocess.run(["docker", "image", "inspect", running.image(image)], check=True, capture_output=True).stdout
    )
    config = found["Config"]
    assert config["Entrypoint"][:2] == ["python", "-m"]
    assert config["User"] == "10001:10001"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["version"] == "0.1.0"
    assert labels["source"]
    if image == "router-control":
        assert labels["licenses"] == "GPL-3.0-or-later"
        assert "GPL-3.0" in labels["description"]
    else:
        assert labels["licenses"] == "Apache-2.0"


def test_it_holds_nothing_of_the_others(image):
    command = ["docker", "run", "--rm", "--read-only", "--network", "none", "--entrypoint", "/app/.venv/bin/python"]
    found = subprocess.run(
        [*command, running.image(image), "-c", _FOUND, *FOREIGN[image]], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == []
