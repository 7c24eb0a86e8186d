"""What router-control reads from its environment. Only `__main__` loads it."""

from typing import Self

from cryptography.fernet import Fernet, MultiFernet
from pydantic import model_validator
from servicekit.settings import RpcSettings, Words

from servicekit import settings


class DatabaseSettings(settings.DatabaseSettings):
    """Its database."""

    database_url: str = settings.database_url("ROUTER_CONTROL")


class MigrationSettings(DatabaseSettings, settings.MigrationSettings):
    """What `migrate`, `grants` and `doctor` need: no key, no login."""


class KeySettings(DatabaseSettings):
    """What `reencrypt` needs. `router_control_keys`: Fernet keys (32 bytes, URL-safe base64), see `keys`."""

    router_control_keys: Words

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        try:
            self.keys()
        except ValueError as error:  # says what a key looks like, never the key
            raise ValueError(f"REJESHA_ROUTER_CONTROL_KEYS is wrong: {error}") from None
        return self

    def keys(self) -> MultiFernet:
        """The first key encrypts, all decrypt, so that keys can be changed."""
        return MultiFernet([Fernet(key) for key in self.router_control_keys])


class RouterControlSettings(RpcSettings, KeySettings):
    """What serving needs. `routeros_…`: the login and port of routers whose registration has none."""

    router_control_port: int = 50052
    routeros_user: str = ""
    routeros_password: str = ""
    routeros_port: int = 8728
