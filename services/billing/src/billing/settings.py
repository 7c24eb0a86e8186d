"""Billing's settings; read once, by `__main__`."""

from enum import StrEnum
from typing import Self

from pydantic import NonNegativeInt, model_validator
from servicekit.settings import RpcSettings, Words

from billing import policy
from servicekit import settings


class DatabaseSettings(settings.DatabaseSettings):
    """Its database."""

    database_url: str = settings.database_url("BILLING")


class MigrationSettings(DatabaseSettings, settings.MigrationSettings):
    """What `migrate` and `grants` need."""


class Charge(StrEnum):
    """Who is in charge of lines that are not paid for."""

    OBSERVE = "observe"
    MANAGE = "manage"


class BillingSettings(RpcSettings, DatabaseSettings):
    """What serving needs. `shortcodes`: our paybills and tills; none named, in the sandbox only: all are ours.

    `lines`: whether who does not pay is switched off by us, or by somebody else, and we only say whom we would.
    `…_per_hour`: how many messages of a kind go to a recipient one by one; a digest tells of the rest. 0: all.
    """

    billing_port: int = 50051
    admin_phones: Words = ()
    shortcodes: Words = ()
    staff_messages_per_hour: NonNegativeInt = policy.STAFF_MESSAGES_PER_HOUR
    receipts_per_hour: NonNegativeInt = policy.RECEIPTS_PER_HOUR
    part_payments_per_hour: NonNegativeInt = policy.PART_PAYMENTS_PER_HOUR
    lines: Charge = Charge.OBSERVE
    sandbox: bool = False

    @model_validator(mode="after")
    def _own_shortcodes_are_named(self) -> Self:
        if not self.shortcodes and not self.sandbox:
            raise ValueError("REJESHA_SHORTCODES is missing: name the paybills and tills that are yours.")
        return self
