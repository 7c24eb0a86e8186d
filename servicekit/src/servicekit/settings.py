"""Settings come from the environment, prefix REJESHA_; any of them also as a file, suffix _FILE.

A process reads its settings once, in its `__main__`. A missing or wrong one stops the boot and names itself.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlencode

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from servicekit import environment
from servicekit.listening import is_loopback, joined
from servicekit.rpc import certificates
from servicekit.rpc.renewal import RenewedCertificate

PREFIX = environment.PREFIX


def _split(value: object) -> object:
    return environment.split(value) if isinstance(value, str) else value


# A list in one variable: "a, b,c".
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def database_url(service: str) -> Any:
    """The field `database_url` of a service, such as "BILLING": its own variable, or the one for all services."""
    own, shared = f"{PREFIX}{service}_DATABASE_URL", f"{PREFIX}DATABASE_URL"
    return Field(validation_alias=AliasChoices(own, shared))


def _variables(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [PREFIX + name.upper()]


class FileSource(PydanticBaseSettingsSource):
    """Reads REJESHA_X from the file that REJESHA_X_FILE names, so that secrets stay out of the environment."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        for variable in _variables(field_name, field):
            if (value := environment.setting_in_file(variable)) is not None:
                return value, variable, False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, variable, _ = self.get_field_value(field, name)
            if value is not None:
                found[variable if isinstance(field.validation_alias, AliasChoices) else name] = value
        return found


class Settings(BaseSettings):
    """The settings every process has."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    log_format: str = "json"
    log_level: str = "INFO"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSource(settings_cls)

    @classmethod
    def load(cls) -> Self:
        """Read the settings, or say which one is missing or wrong and exit with 2."""
        if wrong := cls.faults():
            sys.stderr.write("rejesha: " + "\n".join(wrong) + "\n")
            sys.exit(2)
        return cls()

    @classmethod
    def faults(cls) -> list[str]:
        """What is missing or wrong, each with the name of its variable."""
        try:
            cls()
        except OSError as error:
            return [f"a settings file cannot be read: {error}"]
        except ValidationError as error:
            return [_explain(fault, cls.model_fields) for fault in error.errors(include_input=False)]
        return []

    @classmethod
    def variables(cls) -> set[str]:
        """All environment variables that are read, without the suffix _FILE that each may have."""
        return {each for name, field in cls.model_fields.items() for each in _variables(name, field)}


class DatabaseSettings(Settings):
    """What a process with tables has. `database_ca`: the authority that its server's certificate must be of."""

    database_url: str
    database_ca: Path | None = None

    @field_validator("database_ca")
    @classmethod
    def _authority_is_readable(cls, path: Path | None) -> Path | None:
        if path:
            certificates.check_authority(path)
        return path

    @model_validator(mode="after")
    def _server_is_known(self) -> Self:
        for name in type(self).model_fields:
            if name.startswith("database_") and name.endswith("_url"):
                setattr(self, name, _with_authority(getattr(self, name), self.database_ca))
        return self


class MigrationSettings(DatabaseSettings):
    """What `migrate` and `grants` have besides, and a process that serves must not have.

    `database_migration_url`: who may change tables, where the service's own user may not; `database_admin_url`: who may
    create users.
    """

    database_migration_url: str = ""
    database_admin_url: str = ""

    @property
    def url_to_migrate(self) -> str:
        return self.database_migration_url or self.database_url


def _with_authority(url: str, authority: Path | None) -> str:
    """A server's URL names its authority; what it says itself wins."""
    query = url.rpartition("@")[2].partition("?")[2]
    if authority is None or not url.startswith(("mysql", "mariadb")) or "ssl_ca=" in query:
        return url
    return f"{url}{'&' if query else '?'}{urlencode({'ssl_ca': authority})}"


class ServerSettings(Settings):
    """What a process that listens has besides. `bind`: the address of its port.

    `tls_directory`: its certificate, with which it calls and is called; see servicekit.rpc.certificates. `plaintext`
    does without where there is none, and lets others reach a port that is not encrypted: both must be asked for.
    `metrics_port`: where Prometheus may ask, by HTTP; nowhere unless it is set. `version`: what it is told then.
    `otlp_endpoint`: the collector that gets spans; none are made without.
    """

    # Whether its port answers gRPC, which a certificate encrypts, or HTTP, which a proxy has to.
    answers_grpc: ClassVar[bool] = False

    bind: str = "127.0.0.1"
    plaintext: bool = False
    tls_directory: Path | None = None
    metrics_port: int | None = None
    version: str = "unknown"
    # OpenTelemetry's own name, as every collector's manual has it.
    otlp_endpoint: str = Field("", validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_ENDPOINT"))

    @field_validator("bind")
    @classmethod
    def _without_brackets(cls, bind: str) -> str:
        return bind.strip().removeprefix("[").removesuffix("]")

    @field_validator("tls_directory")
    @classmethod
    def _certificate_is_usable(cls, directory: Path | None) -> Path | None:
        if directory:
            certificates.check(directory)
        return directory

    @model_validator(mode="after")
    def _plaintext_is_asked_for(self) -> Self:
        if self.plaintext:
            return self
        if self.tls_directory is None:
            raise ValueError(
                f"{PREFIX}TLS_DIRECTORY is missing: the certificate with which services trust each other"
                f" (`rejesha certificate issue`); or set {PREFIX}PLAINTEXT=true where nobody else can reach them."
            )
        if not self.answers_grpc and not is_loopback(self.bind):
            raise ValueError(
                f"{PREFIX}BIND is not loopback, and HTTP is not encrypted here: set {PREFIX}PLAINTEXT=true where a"
                " proxy or a private network guards the port."
            )
        return self

    def address(self, port: int) -> str:
        """Where to listen, as gRPC wants it."""
        return joined(self.bind, port)

    def certificate(self) -> RenewedCertificate | None:
        """Its own; None where all is in plain text."""
        return RenewedCertificate(self.tls_directory) if self.tls_directory else None


class RpcSettings(ServerSettings):
    """What a process that answers gRPC has besides. `reflection`: whether it says which RPCs it has.

    `health_port`: where probes without a certificate may ask for its health; none unless it is set.
    """

    answers_grpc = True

    reflection: bool = False
    health_port: int | None = None

    @property
    def health_address(self) -> str:
        """Where probes ask, or ""."""
        return "" if self.health_port is None else self.address(self.health_port)


def _explain(fault: Any, fields: Mapping[str, FieldInfo]) -> str:
    name = PREFIX + str(fault["loc"][0]).upper().removeprefix(PREFIX) if fault["loc"] else ""
    if fault["type"] == "missing":
        others = [each for one in map(_variables, fields, fields.values()) if name in one for each in one[1:]]
        return f"{name} is missing and has no default{f'; {others[0]} does for all services' if others else ''}."
    if not name:
        return str(fault["msg"]).removeprefix("Value error, ")
    return f"{name} is wrong: {fault['msg']}."
