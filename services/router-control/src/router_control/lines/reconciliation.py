"""Makes a router hold the wanted access for many users: look up, compare, write what differs, read back, end sessions.

Owns what is known of each user. It may be carried out again on a new connection after any failure: what was sent
before and is found done then counts as our change, and what was sent and not read back is not known.
"""

import time
from collections.abc import Iterator, Mapping, Sequence

from router_control.lines.ppp import Ppp, Secret, end_sessions
from router_control.lines.rules import AccessResult
from router_control.routeros.connection import Connection
from router_control.routeros.errors import AccessOutcome, RouterFailure, Trap
from router_control.routeros.protocol import TimeLimit

# So many names go into one command. A router evaluates them for each row of the table.
CHUNK = 100

# An id can vanish between look-up and write, and a session that was being dialled can appear after we looked.
_ROUNDS = 4


class Reconciliation:
    """`wanted`: for each username whether its line shall be on."""

    def __init__(self, wanted: Mapping[str, bool]) -> None:
        self.results: dict[str, AccessResult] = {}
        self._wanted = wanted
        self._held: dict[str, bool | None] = {}
        self._sent: set[str] = set()
        self._refused: dict[str, Trap] = {}
        self._ended: dict[str, set[str]] = {name: set() for name in wanted}

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Settle every user who has no result yet. Raises Cancelled, RouterFailure, never Trap."""
        ppp = Ppp(connection, limit)
        for names in _chunks([name for name in self._wanted if name not in self.results]):
            limit.check()  # only here: whose secret is disabled must lose the sessions too
            try:
                self._settle(ppp, names)
            except Trap as trap:
                self.fail(trap, names)

    def fail(self, failure: RouterFailure, names: Sequence[str] = ()) -> None:
        """Give those of `names` (or of all) who have no result yet the one that `failure` means."""
        for name in names or self._wanted:
            failed = AccessResult(failure.outcome, self._held.get(name), len(self._ended[name]), str(failure))
            self.results.setdefault(name, failed)

    def _settle(self, ppp: Ppp, names: Sequence[str]) -> None:
        secrets = self._look_up(ppp, names)
        different = {name: secret for name, secret in secrets.items() if secret.enabled != self._wanted[name]}
        self._conclude([name for name in names if name not in different], secrets)
        if different:
            self._write(ppp, different)
            self._conclude(list(different), self._look_up(ppp, list(different)))
        # Only now that they cannot dial in again.
        if disabled := [name for name in names if name not in self.results]:
            self._end_sessions(ppp, disabled)

    def _look_up(self, ppp: Ppp, names: Sequence[str]) -> dict[str, Secret]:
        secrets = ppp.secrets(names)
        for name, secret in secrets.items():
            # A disabled secret with a session is not yet a line that is off.
            off_for_sure = False if self._wanted[name] else None
            self._held[name] = True if secret.enabled else off_for_sure
        return secrets

    def _write(self, ppp: Ppp, secrets: Mapping[str, Secret]) -> None:
        for enabled in (False, True):
            names = [name for name in secrets if self._wanted[name] is enabled]
            if names:
                self._write_many(ppp, {name: secrets[name].id for name in names}, enabled=enabled)

    def _write_many(self, ppp: Ppp, ids: Mapping[str, str], *, enabled: bool) -> None:
        self._about_to_write(ids)
        try:
            ppp.write(ids.values(), enabled=enabled)
        except Trap as trap:
            self._refused.update(dict.fromkeys(ids, trap))
            if not trap.not_permitted:  # that would be so for each of them
                for name in ids:
                    self._write_one(ppp, name)

    def _write_one(self, ppp: Ppp, name: str) -> None:
        for _ in range(_ROUNDS):
            secret = ppp.secrets([name]).get(name)
            if secret is None or secret.enabled == self._wanted[name]:
                return  # as the reading back will find
            try:
                ppp.write([secret.id], enabled=self._wanted[name])
            except Trap as trap:
                self._refused[name] = trap
                if not trap.no_such_item:
                    return

    def _about_to_write(self, names: Mapping[str, str]) -> None:
        self._sent.update(names)
        self._held.update(dict.fromkeys(names))

    def _end_sessions(self, ppp: Ppp, names: Sequence[str]) -> None:
        sessions = ppp.sessions(names)
        for pause in range(_ROUNDS):
            if not sessions:
                break
            time.sleep(pause * 0.1)  # a router may need a moment to take a session down
            self._end(ppp, sessions)
            sessions = ppp.sessions(names)
        for name in names:
            self.results[name] = self._result_off(name, len(sessions.get(name, ())))

    def _end(self, ppp: Ppp, sessions: Mapping[str, Sequence[str]]) -> None:
        # Noted before, because the answer can get lost when all is done.
        for name, ids in sessions.items():
            self._ended[name].update(ids)
        try:
            end_sessions(ppp, [session for ids in sessions.values() for session in ids])
        except Trap:
            for name, ids in sessions.items():
                self._ended[name].difference_update(ids)
            raise

    def _result_off(self, name: str, left: int) -> AccessResult:
        """The result of a user whose secret is disabled, as wanted."""
        ended = len(self._ended[name])
        if left:
            return AccessResult(
                AccessOutcome.ROUTER_ERROR, None, ended, f"the secret is disabled, but {left} sessions stay up"
            )
        changed = ended or name in self._sent
        return AccessResult(
            AccessOutcome.CHANGED if changed else AccessOutcome.ALREADY_SO, enabled=False, sessions=ended
        )

    def _conclude(self, names: Sequence[str], secrets: Mapping[str, Secret]) -> None:
        """Give each of `names` a result, save those who are disabled as wanted: they may have sessions."""
        for name in names:
            secret = secrets.get(name)
            if secret is None or secret.enabled or self._wanted[name]:
                self.results[name] = self._result(name, secret)

    def _result(self, name: str, secret: Secret | None) -> AccessResult:
        if secret is None:
            return AccessResult(AccessOutcome.NO_SUCH_SECRET)
        if secret.enabled == self._wanted[name]:
            return AccessResult(
                AccessOutcome.CHANGED if name in self._sent else AccessOutcome.ALREADY_SO, secret.enabled
            )
        if trap := self._refused.get(name):
            return AccessResult(trap.outcome, secret.enabled, detail=str(trap))
        return AccessResult(
            AccessOutcome.ROUTER_ERROR, secret.enabled, detail="the router took the change and did not keep it"
        )


class AccessReading:
    """What a router holds for many users."""

    def __init__(self, names: Sequence[str]) -> None:
        self.results: dict[str, AccessResult] = {}
        self._names = names

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Read every user who has no result yet. Raises Cancelled, RouterFailure, never Trap."""
        ppp = Ppp(connection, limit)
        for names in _chunks([name for name in self._names if name not in self.results]):
            limit.check()
            try:
                self._read(ppp, names)
            except Trap as trap:
                self.fail(trap, names)

    def fail(self, failure: RouterFailure, names: Sequence[str] = ()) -> None:
        """Give those of `names` (or of all) who have no result yet the one that `failure` means."""
        for name in names or self._names:
            self.results.setdefault(name, AccessResult(failure.outcome, detail=str(failure)))

    def _read(self, ppp: Ppp, names: Sequence[str]) -> None:
        secrets, sessions = ppp.secrets(names), ppp.sessions(names)
        for name in names:
            if secret := secrets.get(name):
                count = len(sessions.get(name, ()))
                self.results[name] = AccessResult(AccessOutcome.ALREADY_SO, secret.enabled, count)
            else:
                self.results[name] = AccessResult(AccessOutcome.NO_SUCH_SECRET)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]
