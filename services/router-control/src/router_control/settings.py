"""What router-control reads from its environment. Only `__main__` loads it."""

from typing import Self

import servicekit.settings
from pydantic import model_validator
from servicekit.settings import Words

from router_control.vault import Vault


class Settings(servicekit.settings.ServerSettings):
    """`router_control_keys`: Fernet keys, the first encrypts, all decrypt.

    `routeros_…`: the login and port of routers whose registration has none.
    """

    database_url: str = servicekit.settings.database_url("ROUTER_CONTROL")
    router_control_port: int = 50052
    router_control_keys: Words
    routeros_user: str = ""
    routeros_password: str = ""
    routeros_port: int = 8728

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        try:
            Vault(self.router_control_keys)
        except ValueError as error:  # says what a key looks like, never the key
            raise ValueError(f"REJESHA_ROUTER_CONTROL_KEYS is wrong: {error}") from None
        return self
