"""What a router's registration is, and which ones are refused. Pure."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass, field, replace

from servicekit.errors import InvalidArgument

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?\Z", re.IGNORECASE)


# Of an id that a caller wants: the numbers above are left for the rows that get theirs from the database.
MAX_WANTED_ID = 1_000_000_000


class InvalidRouter(InvalidArgument):
    reason = "INVALID_ROUTER"


@dataclass(frozen=True)
class Registration:
    """A router in the registry. `password`: a new one, on its way in only; None keeps the stored one."""

    name: str
    address: str
    router_id: int = 0
    port: int = 0
    tls: bool = False
    verify_certificate: bool = False
    username: str = ""
    password: str | None = field(default=None, repr=False)
    password_encrypted: str = field(default="", repr=False)


def checked(registration: Registration) -> Registration:
    """The registration without stray spaces. Raises InvalidRouter."""
    tidy = replace(registration, name=registration.name.strip(), address=registration.address.strip())
    if not 1 <= len(tidy.name) <= 100 or has_control_characters(tidy.name):
        raise InvalidRouter("a router's name has 1 to 100 characters, none of them a control character")
    if not _is_address(tidy.address):
        raise InvalidRouter("a router's address is an IP address or a host name, without a port")
    if not 0 <= tidy.port <= 65535:
        raise InvalidRouter("a router's port is 1 to 65535, or 0 for the default")
    if tidy.verify_certificate and not tidy.tls:
        raise InvalidRouter("a certificate can only be verified with TLS")
    _check_login(tidy)
    return tidy


def _check_login(registration: Registration) -> None:
    password = registration.password or ""
    if len(registration.username) > 100 or has_control_characters(registration.username):
        raise InvalidRouter("a router's username has at most 100 characters, none of them a control character")
    if len(password) > 200 or has_control_characters(password):
        raise InvalidRouter("a router's password has at most 200 characters, none of them a control character")
    if password and not registration.username:
        raise InvalidRouter("a password needs a username")


def _is_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # Only digits and dots, and yet no IP address: a typing error, not a name.
        return bool(_HOST.match(text)) and not re.fullmatch(r"[\d.]+", text)
    return not (address.is_unspecified or address.is_multicast)


def has_control_characters(text: str) -> bool:
    """Whether `text` holds a character that could end or garble a line or a word."""
    return any(unicodedata.category(character) == "Cc" for character in text)
