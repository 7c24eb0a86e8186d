"""The one rule by which a setting is found: the variable itself, else the file that the variable with `_FILE` names.

Imports next to nothing: the command reads its settings with this alone, because importing pydantic takes longer than a
whole command may take.
"""

import os
from collections.abc import Mapping
from pathlib import Path

PREFIX = "REJESHA_"
FILE_SUFFIX = "_FILE"


def setting(variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The value of REJESHA_X, or what the file that REJESHA_X_FILE names holds, trimmed; None where neither is set.

    Raises OSError or UnicodeDecodeError when that file cannot be read.
    """
    return environment.get(variable) or setting_in_file(variable, environment)


def setting_in_file(variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """What the file that REJESHA_X_FILE names holds, trimmed; None where it is not set. Raises as `setting`."""
    path = environment.get(variable + FILE_SUFFIX)
    return Path(path).read_text(encoding="utf-8").strip() if path else None


def split(value: str) -> tuple[str, ...]:
    """The parts of a list in one variable: "a, b,c"."""
    return tuple(part.strip() for part in value.split(",") if part.strip())
