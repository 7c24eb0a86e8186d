"""What a router's registration is, and which ones are refused. Pure.

Owns the rule that a login goes only where it was given for.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from router_control.routeros.protocol import CONTROL_CHARACTERS
from router_control.routers.errors import (
    CertificateNotRemembered,
    InvalidFingerprint,
    InvalidRouter,
    LoginNeeded,
    PasswordNeeded,
)

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?\Z", re.IGNORECASE)


# Of an id that a caller wants: the numbers above are left for the rows that get theirs from the database.
MAX_WANTED_ID = 1_000_000_000


@dataclass(frozen=True)
class Registration:
    """A router in the registry.

    On their way in only: `password`, a new one, None keeps the stored one; `use_default_login`, which lets the
    installation's login go where this leads. `certificate`: the fingerprint that is remembered, or "".
    """

    name: str
    address: str
    router_id: int = 0
    port: int = 0
    tls: bool = False
    verify_certificate: bool = False
    username: str = ""
    password: str | None = field(default=None, repr=False)
    use_default_login: bool = False
    password_encrypted: str = field(default="", repr=False)
    certificate: str = ""


def leads_elsewhere(wanted: Registration, present: Registration, port_of: Callable[[Registration], int]) -> bool:
    """Whether a login would go to another place than before, or to the same one less well guarded."""
    places = [(each.address.lower(), port_of(each), each.tls) for each in (wanted, present)]
    return places[0] != places[1] or (present.verify_certificate and not wanted.verify_certificate)


def checked(registration: Registration) -> Registration:
    """The registration without stray spaces. Raises InvalidRouter."""
    tidy = replace(registration, name=registration.name.strip(), address=registration.address.strip())
    if not 1 <= len(tidy.name) <= 100 or CONTROL_CHARACTERS.search(tidy.name):
        raise InvalidRouter("a router's name has 1 to 100 characters, none of them a control character")
    if not _is_address(tidy.address):
        raise InvalidRouter("a router's address is an IP address or a host name, without a port")
    if not 0 <= tidy.port <= 65535:
        raise InvalidRouter("a router's port is 1 to 65535, or 0 for the default")
    if tidy.verify_certificate and not tidy.tls:
        raise InvalidRouter("a certificate can only be verified with TLS")
    _check_login(tidy)
    return tidy


def check_new_login(wanted: Registration) -> None:
    """Refuse a new router to which the default login would go unasked. Raises LoginNeeded."""
    if not wanted.username and not wanted.use_default_login:
        raise LoginNeeded(
            "a router needs a login of its own, or use_default_login (--default-login), "
            "which sends it the installation's default one"
        )


def check_kept_login(wanted: Registration, present: Registration, *, leads_elsewhere: bool) -> None:
    """Refuse a change that leads a stored password or the default login elsewhere. Raises PasswordNeeded, LoginNeeded.

    Whoever may change the registry, and set up a host that writes logins down, would read all of them otherwise.
    """
    if wanted.username:
        if leads_elsewhere and wanted.password is None:
            raise PasswordNeeded("another address, port or TLS needs the router's password anew (--password-file)")
    elif (leads_elsewhere or present.username) and not wanted.use_default_login:
        raise LoginNeeded(
            "this would send the installation's default login somewhere new: "
            "it needs a login of the router's own, or use_default_login (--default-login)"
        )


def check_remembers(registration: Registration) -> None:
    """Refuse a router of which no certificate is ever remembered. Raises CertificateNotRemembered."""
    if not registration.tls:
        raise CertificateNotRemembered("a router without TLS shows no certificate")
    if registration.verify_certificate:
        raise CertificateNotRemembered("an authority vouches for this router's certificate, whichever it is")


def checked_fingerprint(text: str) -> str:
    """SHA-256 as we keep it: 64 lower-case hexadecimal digits. Raises InvalidFingerprint."""
    digits = text.replace(":", "").strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise InvalidFingerprint("a certificate's fingerprint is SHA-256: 64 hexadecimal digits")
    return digits


def _check_login(registration: Registration) -> None:
    password = registration.password or ""
    if len(registration.username) > 100 or CONTROL_CHARACTERS.search(registration.username):
        raise InvalidRouter("a router's username has at most 100 characters, none of them a control character")
    if len(password) > 200 or CONTROL_CHARACTERS.search(password):
        raise InvalidRouter("a router's password has at most 200 characters, none of them a control character")
    if password and not registration.username:
        raise InvalidRouter("a password needs a username")
    if registration.use_default_login and registration.username:
        raise InvalidRouter("a router has either a username or the default login")


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # Only digits and dots, and yet no IP address: a typing error, not a name.
        return bool(_HOST.match(text)) and not re.fullmatch(r"[\d.]+", text)
    return not (address.is_unspecified or address.is_multicast)
