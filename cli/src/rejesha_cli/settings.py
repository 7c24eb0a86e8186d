"""Where the services are and what opens them: the environment, …_FILE, or var/run.env of a running `make run`.

Read only by __main__. The environment wins over a file that it names, and both win over var/run.env.
"""

from pathlib import Path
from typing import Any

import servicekit.settings
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from servicekit.settings import PREFIX, Words

RUN_FILE = Path("var") / "run.env"


class RunFileSource(PydanticBaseSettingsSource):
    """Reads REJESHA_X from the var/run.env that is nearest upwards, so that beside `make run` nothing needs setting."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._values = read_run_file(Path.cwd())

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._values.get(PREFIX + field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value}


def read_run_file(start: Path) -> dict[str, str]:
    """The KEY=VALUE lines of the var/run.env in `start` or the nearest directory above it; empty when there is none."""
    for directory in (start, *start.parents):
        path = directory / RUN_FILE
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return dict(_split(line) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {}


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition("=")
    return key.strip().removeprefix("export ").strip(), value.strip().strip("'\"")


class Settings(servicekit.settings.Settings):
    """`api_token` opens the gateway's timelines, `callback_secret` its callback path; both may be empty.

    Where `callback_secret` is not set, the first of the gateway's own `callback_secrets` does.
    """

    billing_target: str = "127.0.0.1:50051"
    router_control_target: str = "127.0.0.1:50052"
    notify_target: str = "127.0.0.1:50053"
    gateway_url: str = "http://127.0.0.1:8080"
    api_token: str = ""
    callback_secret: str = ""
    callback_secrets: Words = ()
    shortcodes: Words = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given = super().settings_customise_sources(
            settings_cls, init_settings, env_settings, dotenv_settings, file_secret_settings
        )
        return *given, RunFileSource(settings_cls)
