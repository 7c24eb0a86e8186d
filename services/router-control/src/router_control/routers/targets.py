"""Where a registered router is and how to get in: login, password, certificate. Talks to no router."""

from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa
from cryptography.fernet import InvalidToken, MultiFernet
from servicekit.database import transact

from router_control.routeros.errors import LoginRefused
from router_control.routeros.identity import Login, Target
from router_control.routers import certificates
from router_control.routers.rules import Registration
from router_control.routers.store import reading


@dataclass(frozen=True)
class Defaults:
    """What holds for routers whose registration does not say."""

    username: str = ""
    password: str = ""
    port: int = 8728
    tls_port: int = 8729

    def port_of(self, registration: Registration) -> int:
        """A router's API port: its own, or the installation's default."""
        return registration.port or (self.tls_port if registration.tls else self.port)


class Targets:
    """The routers of the registry as connections need them. `keys`: what their passwords are encrypted with."""

    def __init__(self, engine: sa.Engine, keys: MultiFernet, defaults: Defaults) -> None:
        self._engine, self._keys, self._defaults = engine, keys, defaults
        self.port_of = defaults.port_of

    def registration(self, router_id: int) -> Registration:
        """Raises RouterNotFound."""
        return transact(self._engine, lambda connection: reading.get(connection, router_id))

    def of(self, registration: Registration) -> Target:
        """Where a router is and how to get in. Raises LoginRefused when there is no login to try."""
        return Target(
            host=registration.address,
            port=self.port_of(registration),
            tls=registration.tls,
            verify_certificate=registration.verify_certificate,
            login=self._login(registration),
            certificate=registration.certificate,
            remember=partial(certificates.remember, self._engine, registration, self.port_of),
        )

    def _login(self, registration: Registration) -> Login:
        if registration.username:
            return Login(registration.username, self._password(registration.password_encrypted))
        if not self._defaults.username:
            raise LoginRefused("the router has no login, and REJESHA_ROUTEROS_USER names no default")
        return Login(self._defaults.username, self._defaults.password)

    def _password(self, encrypted: str) -> str:
        try:
            return self._keys.decrypt(encrypted).decode() if encrypted else ""
        except InvalidToken as error:
            raise LoginRefused("no key of REJESHA_ROUTER_CONTROL_KEYS opens the stored password") from error
