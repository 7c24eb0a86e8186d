"""Settings come from the environment, prefix LIPANET_; any of them also as a file, suffix _FILE.

A process reads its settings once, in its `__main__`. A missing or wrong one stops the boot and names itself.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LIPANET_"


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


# A list in one variable: "a, b,c".
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class FileSource(PydanticBaseSettingsSource):
    """Reads LIPANET_X from the file that LIPANET_X_FILE names, so that secrets stay out of the environment."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """The settings every process has. `bind` is the address its port listens on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", env_ignore_empty=True)

    bind: str = "127.0.0.1"
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
        try:
            return cls()
        except OSError as error:
            sys.exit(_refuse(f"a settings file cannot be read: {error}"))
        except ValidationError as error:
            sys.exit(_refuse("\n".join(_explain(fault) for fault in error.errors(include_input=False))))


def _explain(fault: Any) -> str:
    name = PREFIX + "_".join(str(part) for part in fault["loc"][:1]).upper()
    if fault["type"] == "missing":
        return f"{name} is missing and has no default."
    if not fault["loc"]:
        return str(fault["msg"]).removeprefix("Value error, ")
    return f"{name} is wrong: {fault['msg']}."


def _refuse(why: str) -> int:
    sys.stderr.write(f"lipanet: {why}\n")
    return 2
