"""The run's own authority, and a certificate for each of its processes, for the command, and for us who start them.

The authority is made once: other systems may have certificates of it. The others are made anew at each start.
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

import grpc
from rejesha_cli.certificates import authority, holders
from servicekit.rpc import certificates
from servicekit.rpc.channel import connect

TLS_DIRECTORY = "REJESHA_TLS_DIRECTORY"
# Nobody starts a run again for years only to renew them.
_DAYS = 1000


def make(values: MutableMapping[str, str], directory: Path, gateway_role: str) -> None:
    """Make them, and let the command find its own."""
    if not (directory / authority.FOLDER).exists():
        authority.create(directory)
    for role in ("billing", "router-control", "notify", "dispatcher", "operator"):
        authority.issue(directory, holders.of_process([role]), _DAYS)
    issue_to_gateway(directory, gateway_role)
    values[TLS_DIRECTORY] = str(directory / "operator")


def issue_to_gateway(directory: Path, role: str, folder: str = "gateway") -> None:
    """Issue a certificate to a gateway in a role: intake, dispatcher, or both."""
    roles = ["intake", "dispatcher"] if role == "both" else [role]
    authority.issue(directory, holders.of_process(roles), _DAYS, folder)


def own(values: Mapping[str, str], process: str) -> dict[str, str]:
    """The setting that names a process' certificate, such as "dispatcher"; none where all is in plain text."""
    if TLS_DIRECTORY not in values:
        return {}
    return {TLS_DIRECTORY: str(Path(values[TLS_DIRECTORY]).with_name(process))}


def connected(values: Mapping[str, str], service: str) -> grpc.Channel:
    """A channel to a service of the run, such as "router-control", as its operator has one."""
    target = values[f"REJESHA_{service.upper().replace('-', '_')}_TARGET"]
    directory = values.get(TLS_DIRECTORY)
    certificate = certificates.read(Path(directory)) if directory else None
    return connect(target, service=service, certificate=certificate)
