"""An authority, and certificates of it, good and bad."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine
from rejesha_cli.certificates import authority, holders
from servicekit.rpc import certificates
from servicekit.rpc.certificates import Certificate
from servicekit.rpc.identity import Identity, Role


class Authority:
    """An authority of its own. Each method that issues a certificate answers its folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        authority.create(directory)

    def process(self, *roles: str, name: str = "", folder: str = "") -> Path:
        return authority.issue(self.directory, holders.of_process(roles, name), folder=folder).folder

    def system(self, name: str, *may: str) -> Path:
        """Whatever it may: more than the command would sign."""
        identity = Identity(f"system/{name}", frozenset({Role.SYSTEM}), frozenset(may))
        return authority.issue(self.directory, identity).folder

    def nobody(self) -> Path:
        return authority.issue(self.directory, Identity("nobody"), folder="nobody").folder

    def expired(self, *roles: str) -> Path:
        with time_machine.travel(datetime.now(UTC) - timedelta(days=30), tick=False):
            return authority.issue(self.directory, holders.of_process(roles), 1, "expired").folder

    def believed_by(self, stranger: Path) -> Certificate:
        """The certificate of another authority, in the hand of somebody who believes this one."""
        own = certificates.read(self.process("operator"))
        return replace(certificates.read(stranger), authority=own.authority)
