"""Where the services are and what opens them: the environment, …_FILE, or an env file.

The env file is the one that --env-file or REJESHA_ENV_FILE names, else the var/run.env of a running `make run` that is
nearest upwards. The environment wins over it. Read only by __main__; without pydantic, see servicekit.environment.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from servicekit.environment import FILE_SUFFIX, PREFIX, setting, split

from rejesha_cli.errors import SettingsUnreadable

RUN_FILE = Path("var") / "run.env"
_SHARED_DATABASE = f"{PREFIX}DATABASE_URL"


@dataclass(frozen=True)
class Settings:
    """`tls_directory`: our certificate, by which the services know us; `plaintext`: that they ask for none.

    `api_token` opens the gateway's timelines, `callback_secret` its callback path; both may be empty.

    Where `callback_secret` is not set, the first of the gateway's own `callback_secrets` does. `environment` is what
    a service that is started from here finds: ours and the env file's. `env_file`: which file, if any, was read.
    """

    environment: Mapping[str, str]
    env_file: Path | None = None
    billing_target: str = "127.0.0.1:50051"
    router_control_target: str = "127.0.0.1:50052"
    notify_target: str = "127.0.0.1:50053"
    gateway_url: str = "http://127.0.0.1:8080"
    tls_directory: str = ""
    plaintext: str = ""
    api_token: str = ""
    callback_secret: str = ""
    callback_secrets: str = ""
    shortcodes: str = ""

    @classmethod
    def load(cls, env_file: Path | None = None) -> Self:
        """Read the settings. Raises SettingsUnreadable when a file that is named cannot be read."""
        env_file = env_file or _run_file(Path.cwd())
        environment = with_env_file(os.environ, lines_of(env_file) if env_file else {})
        names = [field.name for field in fields(cls) if field.name not in {"environment", "env_file"}]
        found = {name: _value(PREFIX + name.upper(), environment) for name in names}
        return cls(environment, env_file, **{name: value for name, value in found.items() if value})

    @property
    def first_callback_secret(self) -> str:
        return self.callback_secret or next(iter(split(self.callback_secrets)), "")

    @property
    def first_shortcode(self) -> str:
        return next(iter(split(self.shortcodes)), "")


def with_env_file(environment: Mapping[str, str], lines: Mapping[str, str]) -> dict[str, str]:
    """The environment, and of an env file's lines those settings that it sets neither itself nor by a file.

    A database that the environment names for all services wins over one that the file names for one of them.
    """

    def is_set(name: str) -> bool:
        variable = name.removesuffix(FILE_SUFFIX)
        names = {variable, _SHARED_DATABASE} if variable.endswith(_SHARED_DATABASE.removeprefix(PREFIX)) else {variable}
        return any(environment.get(each) or environment.get(each + FILE_SUFFIX) for each in names)

    return {**environment, **{name: value for name, value in lines.items() if not is_set(name)}}


def _value(variable: str, environment: Mapping[str, str]) -> str:
    try:
        return setting(variable, environment) or ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsUnreadable(f"the file that {variable}{FILE_SUFFIX} names cannot be read: {error}.") from error


def _run_file(start: Path) -> Path | None:
    """The var/run.env in `start` or the nearest directory above it; another user's is none."""
    return next((path for one in (start, *start.parents) if os.path.isfile(path := one / RUN_FILE)), None)  # noqa: PTH113


def lines_of(path: Path) -> dict[str, str]:
    """The KEY=VALUE lines of an env file; `export`, quotes around a value, and comments are understood."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsUnreadable(f"the settings in {path} cannot be read: {error}.") from error
    return dict(_split(line) for line in lines if "=" in line and not line.lstrip().startswith("#"))


def _split(line: str) -> tuple[str, str]:
    key, _, value = line.partition("=")
    return key.strip().removeprefix("export ").strip(), value.strip().strip("'\"")
