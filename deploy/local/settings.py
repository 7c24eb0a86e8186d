"""The settings of a local run: what the operator gave, and a working choice for the rest where that can harm nobody.

Where no database is given a run is a sandbox: embedded databases, simulators, demo data, and anyone on this machine may
send payments. A given database means business: then nothing is made up, and what is missing is named, all at once.
Only secrets of our own, the API token and the routers' key, are made in both cases, and kept in the state directory.
"""

import secrets
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from cryptography.fernet import Fernet
from servicekit.settings import PREFIX

from deploy.local import certificates
from deploy.local.environment import METRICS_PORTS, wrong_settings
from deploy.local.state import kept

# Our variables: what only a local run knows.
STATE_DIRECTORY = "REJESHA_VAR"
DEMO = "REJESHA_DEMO"
DEMO_ROUTER_PORT = "REJESHA_DEMO_ROUTER_PORT"
DEMO_ROUTER_CONTROL_PORT = "REJESHA_DEMO_ROUTER_CONTROL_PORT"
DEMO_TEXTSMS_PORT = "REJESHA_DEMO_TEXTSMS_PORT"
# A gateway that only carries out tasks is a process of its own, and answers probes on a port of its own.
DISPATCHER_PORT = "REJESHA_DISPATCHER_PORT"

_SERVICE_PORTS = {
    "REJESHA_GATEWAY_PORT": "8080",
    "REJESHA_BILLING_PORT": "50051",
    "REJESHA_ROUTER_CONTROL_PORT": "50052",
    "REJESHA_NOTIFY_PORT": "50053",
}
_DISPATCHER_PORTS = {DISPATCHER_PORT: "8082"}
_METRICS_PORTS = {name: str(number) for number, name in enumerate(METRICS_PORTS.values(), 9180)}
_ROUTER_PORTS = {DEMO_ROUTER_PORT: "18728", DEMO_ROUTER_CONTROL_PORT: "18080"}
_TEXTSMS_PORTS = {DEMO_TEXTSMS_PORT: "18090"}
_LOOPBACK = "127.0.0.1"
_SERVICES = ("BILLING", "ROUTER_CONTROL", "NOTIFY")
_BIND, _SANDBOX, _ROLE = "REJESHA_BIND", "REJESHA_SANDBOX", "REJESHA_GATEWAY_ROLE"
_PLAINTEXT = "REJESHA_PLAINTEXT"
# Read here, and so not left to the services to read from a file.
_READ_HERE = (
    STATE_DIRECTORY, DEMO, _SANDBOX, _BIND, _PLAINTEXT, _ROLE,
    *_SERVICE_PORTS, *_DISPATCHER_PORTS, *_METRICS_PORTS, *_ROUTER_PORTS, *_TEXTSMS_PORTS,
    *(f"REJESHA_{service}_TARGET" for service in _SERVICES),
)  # fmt: skip

_DATABASE = "REJESHA_DATABASE_URL"
_DATABASES = tuple(f"REJESHA_{service}_DATABASE_URL" for service in _SERVICES)
_ACCOUNT = ("REJESHA_TEXTSMS_API_KEY", "REJESHA_TEXTSMS_PARTNER_ID", "REJESHA_TEXTSMS_SHORTCODE")
_TEXTSMS_URL = "REJESHA_TEXTSMS_URL"


class Incomplete(Exception):
    """Settings are missing or wrong; `faults` names each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """The given REJESHA_… variables and a working choice for each that may be chosen. Raises Incomplete."""
    values = {name: value for name, value in given.items() if name.startswith(PREFIX) and value}
    _read_files(values)
    _choose_places(values)
    _choose_kind(values)
    if is_demo(values):
        _choose_demo(values)
    if faults := [*_wrong_places(values), *_missing(values)]:
        raise Incomplete(faults)
    _choose_embedded(values)
    if faults := wrong_settings(values):
        raise Incomplete(faults)
    return values


def state_directory(given: Mapping[str, str]) -> Path:
    """Where state, secrets and logs are kept."""
    path = given.get(f"{STATE_DIRECTORY}_FILE")
    return Path(given.get(STATE_DIRECTORY) or (path and _content(path)) or "var").absolute()


def is_demo(values: Mapping[str, str]) -> bool:
    """Whether simulators and demo data are wanted."""
    return _is_true(values[DEMO])


def is_sandbox(values: Mapping[str, str]) -> bool:
    """Whether payments are taken from anyone."""
    return _is_true(values.get(_SANDBOX, ""))


def has_given_database(values: Mapping[str, str]) -> bool:
    """Whether a database was named, for all services or for one; must be asked before one is chosen."""
    return any(_has(values, name) for name in (_DATABASE, *_DATABASES))


def has_dispatcher(values: Mapping[str, str]) -> bool:
    """Whether tasks are carried out by a process of its own; not where the gateway was given the role of both."""
    return values[_ROLE] == "intake"


def billing_database(values: Mapping[str, str]) -> str:
    """The database that holds the ISPs and the money."""
    for name in ("REJESHA_BILLING_DATABASE_URL", _DATABASE):
        if name in values:
            return values[name]
        if path := values.get(f"{name}_FILE"):
            return _content(path)
    raise AssertionError("complete settings have a database")


def has_simulated_textsms(values: Mapping[str, str]) -> bool:
    """Whether messages go to the simulated provider."""
    return is_demo(values) and values.get(_TEXTSMS_URL) == _simulator_url(values)


def reaches_people(values: Mapping[str, str]) -> bool:
    """Whether messages go out to real telephones."""
    return values.get("REJESHA_NOTIFY_SENDER") != "console" and not has_simulated_textsms(values)


def addresses(values: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    """The hosts and ports that this run listens on, by the name of the port's setting."""
    bind = values.get(_BIND, _LOOPBACK).strip("[] ")
    simulated = [*(_ROUTER_PORTS if is_demo(values) else ())]
    simulated += _TEXTSMS_PORTS if has_simulated_textsms(values) else []
    services = {name: (bind, int(values[name])) for name in _service_ports(values)}
    return services | {name: (_LOOPBACK, int(values[name])) for name in simulated}


def _service_ports(values: Mapping[str, str]) -> list[str]:
    dispatcher = [*_DISPATCHER_PORTS, METRICS_PORTS["dispatcher"]]
    metrics = [port for name, port in METRICS_PORTS.items() if name != "dispatcher"]
    return [*_SERVICE_PORTS, *metrics, *(dispatcher if has_dispatcher(values) else ())]


def host(values: Mapping[str, str]) -> str:
    """Where this machine reaches the services."""
    bind = values.get(_BIND, _LOOPBACK).strip("[] ")
    return {"0.0.0.0": _LOOPBACK, "::": "::1"}.get(bind, bind)  # noqa: S104  # compared, not listened on


def url_host(values: Mapping[str, str]) -> str:
    """The same, as URLs and gRPC's targets have it."""
    at = host(values)
    return f"[{at}]" if ":" in at else at


def _read_files(values: MutableMapping[str, str]) -> None:
    for name in _READ_HERE:
        path = values.pop(f"{name}_FILE", "")
        if path and name not in values:
            values[name] = _content(path)


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Incomplete([f"a settings file cannot be read: {path}: {error.strerror}."]) from error


def _choose_places(values: MutableMapping[str, str]) -> None:
    values.setdefault(STATE_DIRECTORY, "var")
    values.setdefault(_ROLE, "intake")
    services = _SERVICE_PORTS | _DISPATCHER_PORTS | _METRICS_PORTS
    for name, port in (services | _ROUTER_PORTS | _TEXTSMS_PORTS).items():
        values.setdefault(name, port)
    for service in _SERVICES:
        values.setdefault(f"REJESHA_{service}_TARGET", _own_target(values, service))


def _own_target(values: Mapping[str, str], service: str) -> str:
    return f"{url_host(values)}:{values[f'REJESHA_{service}_PORT']}"


def _choose_kind(values: MutableMapping[str, str]) -> None:
    business = has_given_database(values)
    values.setdefault(DEMO, "false" if business else "true")
    if not business or is_demo(values):
        values.setdefault(_SANDBOX, "true")


def _choose_demo(values: MutableMapping[str, str]) -> None:
    own_sender = ("REJESHA_NOTIFY_SENDER", _TEXTSMS_URL, *_ACCOUNT)
    if not any(_has(values, name) for name in own_sender):
        values.update(dict.fromkeys(_ACCOUNT, "sandbox") | {_TEXTSMS_URL: _simulator_url(values)})
    if not reaches_people(values):  # a made-up number may be somebody's
        _default(values, "REJESHA_ADMIN_PHONES", "254700000001,254700000002")


def _simulator_url(values: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{values[DEMO_TEXTSMS_PORT]}/api/services/"


def _wrong_places(values: Mapping[str, str]) -> Iterator[str]:
    settings_by_port: dict[str, str] = {}
    if values[_ROLE] not in {"intake", "both"}:
        yield f"{_ROLE} is wrong: intake, and make run starts a dispatcher beside it, or both in one process."
    for name in (*_service_ports(values), *(_ROUTER_PORTS | _TEXTSMS_PORTS if is_demo(values) else ())):
        port = values[name]
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
            yield f"{name} is wrong: {port} is no port, 1 to 65535."
        elif (other := settings_by_port.setdefault(port, name)) != name:
            yield f"{name} is wrong: {port} is {other} already."
    if _has(values, certificates.TLS_DIRECTORY):
        yield f"{certificates.TLS_DIRECTORY} is set, but make run makes certificates of its own: leave it out."
    for service in _SERVICES:
        name, own = f"REJESHA_{service}_TARGET", _own_target(values, service)
        if values[name].replace("localhost:", "127.0.0.1:") != own:
            yield f"{name} is {values[name]}, but make run starts a service of its own at {own}: leave it out."


def _missing(values: Mapping[str, str]) -> Iterator[str]:
    if has_given_database(values) and not is_demo(values) and not _has(values, _DATABASE):
        for name in _lacking(values, *_DATABASES):
            yield f"{name} is missing, as others were given, and so is {_DATABASE}."
    if not is_sandbox(values):
        yield from _missing_for_business(values)
    if values.get("REJESHA_NOTIFY_SENDER") != "console":
        for name in _lacking(values, *_ACCOUNT):
            yield f"{name} is missing: the TextSMS account; REJESHA_NOTIFY_SENDER=console prints messages instead."


def _missing_for_business(values: Mapping[str, str]) -> Iterator[str]:
    for _ in _lacking(values, "REJESHA_SHORTCODES"):
        yield "REJESHA_SHORTCODES is missing: the paybills and tills that are yours."
    for _ in _lacking(values, "REJESHA_ADMIN_PHONES"):
        yield "REJESHA_ADMIN_PHONES is missing: who is told of receipts, payments that are held, and errors."
    in_path, networks = "REJESHA_CALLBACK_SECRETS", "REJESHA_CALLBACK_NETWORKS"
    if len(_lacking(values, in_path, networks)) > 1:
        yield f"{in_path} is missing, and so is {networks}: anyone could send payments."


def _lacking(values: Mapping[str, str], *names: str) -> list[str]:
    return [name for name in names if not _has(values, name)]


def _choose_embedded(values: MutableMapping[str, str]) -> None:
    """What is kept in the state directory: databases where none was given, the spool, our secrets and certificates."""
    state = state_directory(values)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for service, name in zip(_SERVICES, _DATABASES, strict=True):
        if not _has(values, _DATABASE):
            _default(values, name, f"sqlite:///{state}/{service.lower()}.db")
    _default(values, "REJESHA_GATEWAY_SPOOL", str(state / "spool"))
    _default(values, "REJESHA_LOG_FORMAT", "console")
    if not _has(values, "REJESHA_API_TOKEN"):
        values["REJESHA_API_TOKEN"] = kept(state / "api-token", secrets.token_urlsafe)
    if not _has(values, "REJESHA_ROUTER_CONTROL_KEYS"):
        values["REJESHA_ROUTER_CONTROL_KEYS"] = kept(state / "router-control-key", _fernet_key)
    if not _is_true(values.get(_PLAINTEXT, "")):
        certificates.make(values, state / "certificates", values[_ROLE])


def _is_true(text: str) -> bool:
    return text.lower() in {"1", "true", "yes", "on"}


def _has(values: Mapping[str, str], name: str) -> bool:
    return bool(values.get(name) or values.get(f"{name}_FILE"))


def _default(values: MutableMapping[str, str], name: str, value: str) -> None:
    if not _has(values, name):
        values[name] = value


def _fernet_key() -> str:
    return Fernet.generate_key().decode()
