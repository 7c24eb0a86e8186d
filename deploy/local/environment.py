"""What each process finds in its environment: what every program needs, and its own settings and nobody else's."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import billing.settings
import gateway.settings
import notify.settings
import router_control.settings
from servicekit.settings import Settings

from deploy.local import certificates

# A process has those settings that its own code reads; a secret of another's would only be one more place to lose it.
SERVICES: Mapping[str, type[Settings]] = {
    "billing": billing.settings.BillingSettings,
    "router-control": router_control.settings.RouterControlSettings,
    "notify": notify.settings.NotifySettings,
    "gateway": gateway.settings.GatewaySettings,
}
MIGRATIONS: Mapping[str, type[Settings]] = {
    "billing": billing.settings.MigrationSettings,
    "router-control": router_control.settings.MigrationSettings,
    "notify": notify.settings.MigrationSettings,
}

# Where Prometheus asks each process, by its name; a service reads its own as REJESHA_METRICS_PORT.
METRICS_PORTS = {
    "gateway": "REJESHA_GATEWAY_METRICS_PORT",
    "dispatcher": "REJESHA_DISPATCHER_METRICS_PORT",
    "billing": "REJESHA_BILLING_METRICS_PORT",
    "router-control": "REJESHA_ROUTER_CONTROL_METRICS_PORT",
    "notify": "REJESHA_NOTIFY_METRICS_PORT",
}

# A service that has a database of its own has no need of the others'.
_OF_ONE_SERVICE = re.compile(r"REJESHA_\w+_DATABASE_URL(_FILE)?")
_FOR_ALL_SERVICES = ("REJESHA_DATABASE_URL", "REJESHA_DATABASE_URL_FILE")

# Who only carries out tasks has no door to open, and keeps no callback.
_OF_THE_INTAKE = {
    f"REJESHA_{name}"
    for name in ("API_TOKEN", "CALLBACK_SECRETS", "CALLBACK_NETWORKS", "TRUSTED_PROXIES", "GATEWAY_SPOOL",
                 "GATEWAY_SPOOL_BYTES", "GATEWAY_SPOOL_SHARED", "ADMIN_PHONES")
}  # fmt: skip

_EVERYBODY_S = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_EVERYBODY_S_PREFIXES = ("LC_", "PYTHON", "GRPC_", "MALLOC_", "OTEL_")
# Only notify calls the internet; gRPC would send even what stays on this machine through a proxy.
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def basic() -> dict[str, str]:
    """What every program needs, of our own environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _EVERYBODY_S or name.startswith(_EVERYBODY_S_PREFIXES)
    }


def of_service(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """The settings of one service, such as "router-control"."""
    own = _own(SERVICES[name], values) | certificates.own(values, name) | _metrics(name, values)
    return own | (_proxies() if name == "notify" else {})


def of_dispatcher(values: Mapping[str, str], port: str) -> dict[str, str]:
    """The settings of a gateway that only carries out tasks and answers probes on `port`."""
    own = {
        name: value
        for name, value in of_service("gateway", values).items()
        if name.removesuffix("_FILE") not in _OF_THE_INTAKE
    }
    own |= certificates.own(values, "dispatcher") | _metrics("dispatcher", values)
    return own | {"REJESHA_GATEWAY_ROLE": "dispatcher", "REJESHA_GATEWAY_PORT": port}


def _metrics(name: str, values: Mapping[str, str]) -> dict[str, str]:
    return {"REJESHA_METRICS_PORT": values[METRICS_PORTS[name]]}


def of_migration(name: str, values: Mapping[str, str]) -> dict[str, str]:
    """The settings of a service's `migrate`."""
    return _own(MIGRATIONS[name], values)


def _own(settings: type[Settings], values: Mapping[str, str]) -> dict[str, str]:
    names = {each for variable in settings.variables() for each in (variable, f"{variable}_FILE")}
    own = {name: value for name, value in values.items() if name in names}
    if any(_OF_ONE_SERVICE.fullmatch(name) for name in own):
        own = {name: value for name, value in own.items() if name not in _FOR_ALL_SERVICES}
    return own


def _proxies() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.upper() in _PROXIES}


def wrong_settings(values: Mapping[str, str]) -> list[str]:
    """What the services would refuse to start with, before any is started. Not while other threads run."""
    found: dict[str, None] = {}
    for name, settings in SERVICES.items():
        with _as_environment(of_service(name, values)):
            found |= dict.fromkeys(settings.faults())
    return list(found)


@contextmanager
def _as_environment(values: Mapping[str, str]) -> Iterator[None]:
    ours = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(ours)
