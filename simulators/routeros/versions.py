"""What differs between RouterOS generations, and nothing else."""

import re
import time
from dataclasses import dataclass


class BadVersion(ValueError):
    """Not a RouterOS version."""


@dataclass(frozen=True, order=True)
class Version:
    """A RouterOS version, such as 6.49.10 or 7.18beta2 (which counts as 7.18)."""

    numbers: tuple[int, int, int]
    text: str = "7.20"

    @classmethod
    def parse(cls, text: str) -> "Version":
        match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
        if not match:
            raise BadVersion(f"{text!r} is not a RouterOS version; one looks like 7.20 or 6.49.10")
        major, minor, patch = (int(part or 0) for part in match.groups())
        return cls((major, minor, patch), text)

    @property
    def says_empty(self) -> bool:
        """Answers a print without rows by `!empty` before `!done`."""
        return self.numbers >= (7, 18, 0)

    def moment(self, seconds: float) -> str:
        """How a moment, in seconds of Unix time, is written."""
        form = "%Y-%m-%d %H:%M:%S" if self.numbers >= (7, 0, 0) else "%b/%d/%Y %H:%M:%S"
        return time.strftime(form, time.gmtime(seconds)).lower()

    @property
    def takes_plain_login(self) -> bool:
        """Takes name and password in one sentence; older ones ignore the password and send a challenge."""
        return self.numbers >= (6, 43, 0)

    @property
    def takes_challenge_login(self) -> bool:
        """Hands out an MD5 challenge to a bare login."""
        return self.numbers < (6, 45, 1)
