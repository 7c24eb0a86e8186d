"""What a container's health check answers: only who says that all is well is taken for well."""

import subprocess
import sys

import pytest
from servicekit.probe import is_serving
from servicekit.rpc.errors import DatabaseUnavailable
from servicekit.rpc.server import Server


def away():
    raise DatabaseUnavailable("away")


@pytest.mark.parametrize(("probe", "serves"), [(lambda: True, True), (away, False)])
def test_of_a_grpc_service_it_is_what_health_says(probe, serves):
    server = Server("127.0.0.1:0", threads=2, probe=probe)
    server.start()
    try:
        assert is_serving(f"127.0.0.1:{server.port}") is serves
    finally:
        server.stop(0)


@pytest.mark.parametrize(("status", "serves"), [(200, True), (503, False)])
def test_of_http_it_is_the_status(httpserver, status, serves):
    httpserver.expect_request("/readyz").respond_with_data("", status=status)
    assert is_serving(httpserver.url_for("/readyz")) is serves


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1/readyz"])
def test_nobody_is_not_well_and_the_exit_code_says_so(address):
    command = [sys.executable, "-m", "servicekit.probe", address]
    assert subprocess.run(command, check=False, timeout=30, capture_output=True).returncode == 1
