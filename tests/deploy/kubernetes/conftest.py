"""The images that the manifests name."""

import os
import subprocess

import pytest

from tests.deploy.running import ROOT, TAG


@pytest.fixture(scope="session")
def images(docker: None) -> None:
    """Built from this checkout, under the tests' own tag."""
    subprocess.run(["make", "images"], cwd=ROOT, env=os.environ | {"REJESHA_VERSION": TAG}, check=True)
