"""Billing's settings; read once, by `__main__`."""

from typing import Self

from pydantic import model_validator
from servicekit.settings import ServerSettings, Settings, Words, database_url


class MigrationSettings(Settings):
    """What `migrate` needs."""

    database_url: str = database_url("BILLING")


class BillingSettings(ServerSettings, MigrationSettings):
    """What serving needs. `shortcodes`: our paybills and tills; none named, in the sandbox only: all are ours."""

    billing_port: int = 50051
    admin_phones: Words = ()
    shortcodes: Words = ()
    sandbox: bool = False

    @model_validator(mode="after")
    def _own_shortcodes_are_named(self) -> Self:
        if not self.shortcodes and not self.sandbox:
            raise ValueError("LIPANET_SHORTCODES is missing: name the paybills and tills that are yours.")
        return self
