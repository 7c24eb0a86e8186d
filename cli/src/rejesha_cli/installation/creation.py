"""What an installation in containers has of its own: settings in .env, a file for each secret, certificates.

What is there stays as it is, so that it may be made again at any time; certificates of its own authority are renewed
before they end. Knows no terminal.
"""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from servicekit.rpc.identity import Identity, Role

from rejesha_cli.certificates import authority, holders
from rejesha_cli.errors import CommandFailed
from rejesha_cli.installation.self_signed import self_signed
from rejesha_cli.settings import lines_of

# As which the images' processes run; see deploy/Dockerfile.
CONTAINER_USER = 10001
# As which MySQL's image runs its server, and under which name the others reach it; it is none of ours.
_MYSQL, _MYSQL_USER = Identity("mysql"), 999
# As which the images of Prometheus' makers run, and what one of their containers reads.
_OWNERS = {"alertmanager-password": 65534}
_WITH_DATABASE = (Role.BILLING, Role.ROUTER_CONTROL, Role.NOTIFY)
SETTINGS = ".env"
_KEPT_SECRET, _SETTING = 0o640, 0o644
# Whose processes run in containers, the operator's command among them.
_HOLDERS = (Role.INTAKE, Role.DISPATCHER, Role.BILLING, Role.ROUTER_CONTROL, Role.NOTIFY, Role.OPERATOR)
_RENEWED_BEFORE_END, _ALWAYS = timedelta(days=100), timedelta(days=100_000)

# Simulators in place of the provider and the routers; the numbers are made up and reach nobody.
TRYING = {
    "COMPOSE_PROFILES": "try",
    "REJESHA_HOST": "localhost",
    "REJESHA_SHORTCODES": "600100",
    "REJESHA_ADMIN_PHONES": "254700000001,254700000002",
    "REJESHA_TEXTSMS_URL": "http://textsms:8090/api/services/",
    "REJESHA_TEXTSMS_PARTNER_ID": "sandbox",
    "REJESHA_TEXTSMS_SHORTCODE": "sandbox",
    "REJESHA_TEXTSMS_API_KEY": "sandbox",
}


class Unwritable(CommandFailed):
    """The directory cannot be written, or a value cannot stand in a file of settings."""


class ForReal(CommandFailed):
    """An installation with settings of its own is not for trying out."""


@dataclass(frozen=True)
class Question:
    """Something that only the operator knows. `secret`: the file that keeps it, where it is one."""

    variable: str
    text: str
    secret: str = ""


QUESTIONS = (
    Question("REJESHA_HOST", "The name under which M-Pesa reaches this machine, such as pay.example.co.ke"),
    Question("REJESHA_SHORTCODES", "Your paybills and tills, separated by commas"),
    Question("REJESHA_ADMIN_PHONES", "Phones of those who are told of receipts and errors, separated by commas"),
    Question("REJESHA_TEXTSMS_PARTNER_ID", "TextSMS: partner id"),
    Question("REJESHA_TEXTSMS_SHORTCODE", "TextSMS: short code, the sender's name"),
    Question("REJESHA_TEXTSMS_API_KEY", "TextSMS: API key", secret="textsms-api-key"),  # noqa: S106  # a file's name
)


@dataclass(frozen=True)
class Installation:
    """The directory of one."""

    directory: Path

    def settings(self) -> dict[str, str]:
        """What its .env says; empty where there is none."""
        path = self.directory / SETTINGS
        return lines_of(path) if path.exists() else {}

    def is_for_trying(self) -> bool:
        """Whether simulators harm nothing: it has no settings yet, or those for trying out."""
        known = self.settings()
        return not known or TRYING["COMPOSE_PROFILES"] in known.get("COMPOSE_PROFILES", "").split(",")

    def open_questions(self) -> list[Question]:
        """What it does not know yet."""
        known = self.settings()
        return [
            each
            for each in QUESTIONS
            if not (self._secret(each.secret).exists() if each.secret else known.get(each.variable))
        ]

    def complete(self, answers: Mapping[str, str], *, renew: bool = False) -> list[Path]:
        """Make what is missing, and with `renew` all certificates; the files that were made. Raises Unwritable."""
        given = {each.secret: answers[each.variable] for each in QUESTIONS if each.secret and each.variable in answers}
        kept = {each.variable for each in QUESTIONS if each.secret}
        try:
            made = self._make_settings({name: value for name, value in answers.items() if name not in kept})
            made += self._make_secrets(given)
            made += self._make_certificate(self.settings().get("REJESHA_HOST", "localhost"))
            made += self._make_identities(_ALWAYS if renew else _RENEWED_BEFORE_END)
        except OSError as error:
            raise Unwritable(f"{error.filename} cannot be written: {error.strerror}.") from error
        return made

    def _make_settings(self, answers: Mapping[str, str]) -> list[Path]:
        path, known = self.directory / SETTINGS, self.settings()
        lines = [_line(name, value) for name, value in answers.items() if name not in known]
        if not lines:
            return []
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        _write(path, before + "".join(lines), _SETTING, self._owner())
        return [path]

    def _make_secrets(self, given: Mapping[str, str]) -> list[Path]:
        _make_directory(self.directory / "secrets", self._owner())
        makers: dict[str, Callable[[], str]] = {
            "api-token": _token,
            "callback-secrets": _token,
            "router-control-keys": _fernet_key,
            "mysql-root-password": _token,
            "mysql-password": _token,
            "database-url": lambda: _url("rejesha", self._secret("mysql-password").read_text().strip()),
            "database-admin-url": lambda: _url("root", self._secret("mysql-root-password").read_text().strip()),
            **{f"{service}-database-url": partial(_own_url, service) for service in _WITH_DATABASE},
            "routeros-password": str,
            "alertmanager-password": str,
            **{name: partial(str, value) for name, value in given.items()},
        }
        return [
            path
            for name, make in makers.items()
            for path in self._keep(self._secret(name), make, _OWNERS.get(name, CONTAINER_USER))
        ]

    def _make_certificate(self, host: str) -> list[Path]:
        certificate, key = (
            self.directory / "certificates" / "proxy" / f"{name}.pem" for name in ("certificate", "key")
        )
        if there := [path for path in (certificate, key) if path.exists()]:
            return [made for path in there for made in self._keep(path, str)]
        _make_directory(certificate.parents[1], self._owner())
        _make_directory(certificate.parent, CONTAINER_USER)
        texts = self_signed(host)
        return [*self._keep(certificate, lambda: texts.certificate), *self._keep(key, lambda: texts.key)]

    def _make_identities(self, before_end: timedelta) -> list[Path]:
        """The authority that all processes believe, and a certificate for each: see servicekit.rpc.identity.

        Those that end sooner than in so long are made anew.
        """
        place = self.directory / "certificates"
        made = []
        if not (place / authority.FOLDER).exists():
            authority.create(place)
            _own_folder(place / authority.FOLDER, self._owner())
            made.append(place / authority.FOLDER)
        fresh = {one.folder for one in authority.issued(place) if one.not_after > datetime.now(UTC) + before_end}
        for identity in (holders.of_process([role]) for role in _HOLDERS):
            if place / holders.folder_of(identity) not in fresh:
                made.append(authority.issue(place, identity).folder)
                _own_folder(made[-1], CONTAINER_USER)
        if place / _MYSQL.name not in fresh:
            made.append(authority.issue(place, _MYSQL, host=_MYSQL.name).folder)
            _own_folder(made[-1], _MYSQL_USER)
        return made

    def _secret(self, name: str) -> Path:
        return self.directory / "secrets" / name

    def _keep(self, path: Path, make: Callable[[], str], owner: int = CONTAINER_USER) -> list[Path]:
        """Make the file where it is missing; in any case let the containers read it."""
        made = [] if path.exists() else [path]
        _write(path, make() if made else path.read_text(), _KEPT_SECRET, owner)
        return made

    def _owner(self) -> int:
        return self.directory.stat().st_uid


def _make_directory(path: Path, owner: int) -> None:
    """A directory that others cannot look into."""
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    _own(path, owner)


def _own_folder(folder: Path, owner: int) -> None:
    for path in (folder, *folder.iterdir()):
        _own(path, owner)


def _write(path: Path, text: str, mode: int, owner: int) -> None:
    """Write a file that has its mode before it has its content."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(mode)
    _own(path, owner)


def _own(path: Path, owner: int) -> None:
    """To the owner, and to the group of the directory above; only root can give files away."""
    if os.geteuid() == 0:
        os.chown(path, owner, path.parent.stat().st_gid)


def _line(name: str, value: str) -> str:
    if "'" in value or not value.isprintable():
        raise Unwritable(f"{name} cannot hold quotes or line ends.")
    return f"{name}='{value}'\n"


def _url(user: str, password: str) -> str:
    return f"mysql://{user}:{password}@{_MYSQL.name}/rejesha"


def _own_url(service: str) -> str:
    return _url(service, _token())


def _token() -> str:
    return secrets.token_urlsafe(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
