"""The gateway's settings. Only `__main__` reads them."""

import re
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from servicekit.settings import ServerSettings, Words

from gateway.callbacks.rules import Network, networks

# The widest ranges that somebody can own, by version: 10.0.0.0/8, fc00::/7.
_WIDEST = {4: 8, 6: 7}
# Long enough that nobody guesses it.
_SHORTEST_TOKEN = 24
# And nothing that a URL would have to escape.
_SECRET = re.compile(rf"[A-Za-z0-9_.~-]{{{_SHORTEST_TOKEN},}}", re.ASCII)


class Role(StrEnum):
    """What this process does. Whatever it is, it serves /livez, /readyz and /health."""

    INTAKE = "intake"
    DISPATCHER = "dispatcher"
    BOTH = "both"


class GatewaySettings(ServerSettings):
    """Settings of the gateway; see its README for what each one means."""

    sandbox: bool = False
    gateway_port: int = 8080
    gateway_role: Role = Role.BOTH
    gateway_drain_seconds: float = 0
    gateway_spool: Path | None = None
    gateway_spool_shared: bool = False
    gateway_spool_bytes: int = Field(default=1024**3, ge=1024**2)
    billing_target: str
    router_control_target: str
    notify_target: str
    api_token: SecretStr = SecretStr("")
    admin_phones: Words = ()
    callback_secrets: Words = ()
    callback_networks: Words = ()
    trusted_proxies: Words = ()

    @field_validator("callback_secrets")
    @classmethod
    def _secrets_are_strong(cls, secrets: tuple[str, ...]) -> tuple[str, ...]:
        if len(secrets) > 2:
            raise ValueError("at most two secrets can be live")
        if not all(_SECRET.fullmatch(secret) for secret in secrets):
            raise ValueError(f"a secret needs {_SHORTEST_TOKEN} or more letters, digits or _ . ~ -")
        return secrets

    @field_validator("api_token")
    @classmethod
    def _token_is_strong(cls, token: SecretStr) -> SecretStr:
        if 0 < len(token.get_secret_value().strip()) < _SHORTEST_TOKEN:
            raise ValueError(f"a token needs {_SHORTEST_TOKEN} or more characters")
        return token

    @field_validator("callback_networks", "trusted_proxies")
    @classmethod
    def _networks_are_narrow(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        if wide := _too_wide(networks(texts)):
            raise ValueError(f"{wide} covers so much that it says nothing; name the addresses that are meant")
        return texts

    @model_validator(mode="after")
    def _the_intake_can_work(self) -> Self:
        if self.gateway_role is Role.DISPATCHER:
            return self
        if not self.api_token.get_secret_value().strip():
            raise ValueError("REJESHA_API_TOKEN is missing and has no default.")
        if self.gateway_spool is None:
            raise ValueError("REJESHA_GATEWAY_SPOOL is missing and has no default.")
        if not (self.sandbox or self.callback_secrets or self.callback_networks):
            raise ValueError(
                "Anyone could send payments: set REJESHA_CALLBACK_SECRETS or REJESHA_CALLBACK_NETWORKS, "
                "or REJESHA_SANDBOX=true where no real money is."
            )
        return self


def _too_wide(blocks: Sequence[Network]) -> Network | None:
    """The first block, or several taken together, that is wider than any network of one owner; None when none is."""
    taken_together: list[Network] = [
        *collapse_addresses(block for block in blocks if isinstance(block, IPv4Network)),
        *collapse_addresses(block for block in blocks if isinstance(block, IPv6Network)),
    ]
    return next((block for block in taken_together if block.prefixlen < _WIDEST[block.version]), None)
