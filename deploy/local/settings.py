"""The settings of a local run: whatever the operator has not set is chosen so that it works by itself.

Secrets are made once and kept in the state directory, readable by their owner only.
"""

import secrets
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

from cryptography.fernet import Fernet

# Our variables: what only a local run knows.
STATE_DIRECTORY = "LIPANET_VAR"
DEMO = "LIPANET_DEMO"
DEMO_ROUTER_PORT = "LIPANET_DEMO_ROUTER_PORT"
DEMO_ROUTER_CONTROL_PORT = "LIPANET_DEMO_ROUTER_CONTROL_PORT"
DEMO_TEXTSMS_PORT = "LIPANET_DEMO_TEXTSMS_PORT"

_PORTS = {
    "LIPANET_GATEWAY_PORT": "8080",
    "LIPANET_BILLING_PORT": "50051",
    "LIPANET_ROUTER_CONTROL_PORT": "50052",
    "LIPANET_NOTIFY_PORT": "50053",
    DEMO_ROUTER_PORT: "18728",
    DEMO_ROUTER_CONTROL_PORT: "18080",
    DEMO_TEXTSMS_PORT: "18090",
}

_SERVICES = ("BILLING", "ROUTER_CONTROL", "NOTIFY")


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """The given LIPANET_… variables and a working choice for each that is missing."""
    values = {name: value for name, value in given.items() if name.startswith("LIPANET_") and value}
    state = Path(values.setdefault(STATE_DIRECTORY, "var")).absolute()
    state.mkdir(parents=True, exist_ok=True)
    for name, port in _PORTS.items():
        values.setdefault(name, port)
    for service in _SERVICES:
        values.setdefault(f"LIPANET_{service}_TARGET", f"127.0.0.1:{values[f'LIPANET_{service}_PORT']}")
        if not _has(values, "LIPANET_DATABASE_URL"):
            _default(values, f"LIPANET_{service}_DATABASE_URL", f"sqlite:///{state}/{service.lower()}.db")
    _default(values, "LIPANET_SANDBOX", "true")
    _default(values, "LIPANET_GATEWAY_SPOOL", str(state / "spool"))
    _default(values, "LIPANET_LOG_FORMAT", "console")
    _default(values, DEMO, "true")
    _default(values, "LIPANET_API_TOKEN", _kept(state / "api-token", secrets.token_urlsafe))
    _default(values, "LIPANET_ROUTER_CONTROL_KEYS", _kept(state / "router-control-key", _fernet_key))
    if is_demo(values):
        _choose_demo(values)
    return values


def is_demo(values: Mapping[str, str]) -> bool:
    """Whether simulators and demo data are wanted."""
    return values[DEMO].lower() in {"1", "true", "yes"}


def has_simulated_textsms(values: Mapping[str, str]) -> bool:
    """Whether messages go to the simulated provider."""
    return is_demo(values) and values.get("LIPANET_TEXTSMS_API_KEY") == "sandbox"


def _choose_demo(values: MutableMapping[str, str]) -> None:
    _default(values, "LIPANET_ADMIN_PHONES", "254700000001,254700000002")
    if not _has(values, "LIPANET_TEXTSMS_API_KEY") and not _has(values, "LIPANET_NOTIFY_SENDER"):
        values["LIPANET_TEXTSMS_URL"] = f"http://127.0.0.1:{values[DEMO_TEXTSMS_PORT]}/api/services/"
        values["LIPANET_TEXTSMS_API_KEY"] = "sandbox"
        values["LIPANET_TEXTSMS_PARTNER_ID"] = "1"
        values["LIPANET_TEXTSMS_SHORTCODE"] = "LIPANET"


def _has(values: Mapping[str, str], name: str) -> bool:
    return name in values or f"{name}_FILE" in values


def _default(values: MutableMapping[str, str], name: str, value: str) -> None:
    if not _has(values, name):
        values[name] = value


def _fernet_key() -> str:
    return Fernet.generate_key().decode()


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text()
