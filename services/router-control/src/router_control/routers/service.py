"""The registry's use cases: routers are added, changed, trusted, removed.

Owns the transactions and the passwords' encryption. Talks to no router.
"""

from dataclasses import replace

import sqlalchemy as sa
from cryptography.fernet import InvalidToken, MultiFernet
from servicekit.database import transact
from servicekit.moments import current_time

from router_control.routers.errors import (
    InvalidRouter,
    RouterIdTaken,
    RouterNameTaken,
    RouterNotFound,
    UnreadablePassword,
)
from router_control.routers.rules import (
    MAX_WANTED_ID,
    Registration,
    check_kept_login,
    check_new_login,
    check_remembers,
    checked,
    checked_fingerprint,
    leads_elsewhere,
)
from router_control.routers.store import listing, reading, writing
from router_control.routers.targets import Defaults


class Registry:
    """The routers that this installation knows. `keys`: the first encrypts their passwords, all decrypt."""

    def __init__(self, engine: sa.Engine, keys: MultiFernet, defaults: Defaults) -> None:
        self._engine, self._keys, self._defaults = engine, keys, defaults

    def create(self, registration: Registration) -> Registration:
        """Add a router, with the id that it wants if it wants one.

        Raises InvalidRouter, LoginNeeded, RouterNameTaken, RouterIdTaken.
        """
        wanted = checked(registration)
        check_new_login(wanted)
        if not 0 <= wanted.router_id <= MAX_WANTED_ID:
            raise InvalidRouter(f"a router's wanted id is 1 to {MAX_WANTED_ID}, or 0 for the next free one")
        new = replace(wanted, password_encrypted=self._encrypted(wanted, stored=""), certificate="")

        def work(connection: sa.Connection) -> Registration:
            _refuse_taken_id(connection, new.router_id)
            _refuse_taken_name(connection, new.name)
            return reading.get(connection, writing.insert(connection, new, current_time(connection)))

        return transact(self._engine, work, once=True)

    def update(self, registration: Registration) -> Registration:
        """Replace a router's registration.

        Raises RouterNotFound, InvalidRouter, PasswordNeeded, LoginNeeded, RouterNameTaken.
        """
        wanted = checked(registration)

        def work(connection: sa.Connection) -> Registration:
            # Locked: a change at the same moment could give a new password to the place that this one leads to.
            present = reading.get(connection, wanted.router_id, lock=True)
            moves = leads_elsewhere(wanted, present, self._defaults.port_of)
            check_kept_login(wanted, present, leads_elsewhere=moves)
            # An adopted table may hold a name twice; such a row must stay editable under its own name.
            if wanted.name != present.name:
                _refuse_taken_name(connection, wanted.name, except_id=wanted.router_id)
            certificate = "" if moves else present.certificate
            encrypted = self._encrypted(wanted, stored=present.password_encrypted)
            writing.update(connection, replace(wanted, password_encrypted=encrypted, certificate=certificate))
            return reading.get(connection, wanted.router_id)

        return transact(self._engine, work)

    def trust(self, router_id: int, fingerprint: str) -> Registration:
        """Remember another certificate of a router.

        Raises RouterNotFound, InvalidFingerprint, CertificateNotRemembered.
        """
        certificate = checked_fingerprint(fingerprint)

        def work(connection: sa.Connection) -> Registration:
            check_remembers(reading.get(connection, router_id, lock=True))
            writing.set_certificate(connection, router_id, certificate)
            return reading.get(connection, router_id)

        return transact(self._engine, work)

    def get(self, router_id: int) -> Registration:
        """Raises RouterNotFound."""
        return transact(self._engine, lambda connection: reading.get(connection, router_id))

    def list(self) -> list[Registration]:
        """All routers by id."""
        return transact(self._engine, listing.find_all)

    def delete(self, router_id: int) -> None:
        """Raises RouterNotFound."""
        if not transact(self._engine, lambda connection: writing.delete(connection, router_id), once=True):
            raise RouterNotFound(f"there is no router {router_id}")

    def reencrypt(self) -> int:
        """Put every stored password under the first key, so that older keys can go; how many.

        Raises UnreadablePassword: nothing was changed.
        """

        def work(connection: sa.Connection) -> int:
            found = listing.lock_those_with_passwords(connection)
            for router in found:
                writing.set_password(connection, router.router_id, self._rotated(router.password_encrypted))
            return len(found)

        return transact(self._engine, work)

    def _rotated(self, encrypted: str) -> str:
        try:
            return self._keys.rotate(encrypted).decode()
        except InvalidToken:
            raise UnreadablePassword from None

    def _encrypted(self, wanted: Registration, *, stored: str) -> str:
        """The password to keep: a new one, or the stored one where none is given and there is a login to go with it."""
        if wanted.password:
            return self._keys.encrypt(wanted.password.encode()).decode()
        return stored if wanted.password is None and wanted.username else ""


def _refuse_taken_id(connection: sa.Connection, router_id: int) -> None:
    if other := reading.find(connection, router_id):
        raise RouterIdTaken(f"id {router_id} belongs to {other.name!r} already")


def _refuse_taken_name(connection: sa.Connection, name: str, *, except_id: int = 0) -> None:
    if listing.name_is_taken(connection, name, except_id=except_id):
        raise RouterNameTaken(f"another router is called {name!r}")
