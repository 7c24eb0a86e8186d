"""The settings of notify. Read only by `__main__`."""

from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator

from servicekit import settings

_NEEDED = ("textsms_api_key", "textsms_partner_id", "textsms_shortcode")


class DatabaseSettings(settings.DatabaseSettings):
    """Its database."""

    database_url: str = settings.database_url("NOTIFY")


class MigrationSettings(DatabaseSettings, settings.MigrationSettings):
    """What `migrate` and `grants` need: no provider's credentials."""


class NotifySettings(settings.RpcSettings, DatabaseSettings):
    """What serving needs. The TextSMS account may be left out only when the console is the sender."""

    notify_port: int = 50053
    notify_sender: Literal["textsms", "console"] = "textsms"
    textsms_url: AnyHttpUrl = AnyHttpUrl("https://sms.textsms.co.ke/api/services/")
    textsms_api_key: SecretStr = SecretStr("")
    textsms_partner_id: str = ""
    textsms_shortcode: str = ""
    # How long one call to TextSMS may take, all in all, in seconds.
    textsms_deadline: Annotated[float, Field(gt=0, le=120)] = 20

    @model_validator(mode="after")
    def _account_is_whole(self) -> Self:
        missing = [name for name in _NEEDED if not getattr(self, name)]
        if self.notify_sender == "textsms" and missing:
            raise ValueError(f"{settings.PREFIX}{missing[0].upper()} is missing and has no default.")
        return self
