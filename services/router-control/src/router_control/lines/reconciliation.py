"""Makes a router hold the wanted access for many users: look up, compare, write what differs, read back, end sessions.

It may be carried out again on a new connection after any failure: what was sent before and is found done then counts
as our change, and what was sent and not read back is not known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from servicekit.rpc import call

from router_control.lines import limits, rules, sessions
from router_control.lines.ppp import Ppp, chunks
from router_control.lines.rules import Access, AccessResult, Secret, Wanted, Write
from router_control.routeros.connection import Connection
from router_control.routeros.errors import AccessOutcome, Trap
from router_control.routeros.protocol import TimeLimit

# An id can vanish between look-up and write; a change of profile takes two of them.
_ROUNDS = 5


class Reconciliation:
    """`wanted`: by username. `results`: by name, of those who have one."""

    def __init__(self, wanted: Mapping[str, Wanted]) -> None:
        self.results: dict[str, AccessResult] = {}
        self._wanted = wanted
        self._held: dict[str, Secret] = {}
        # Both noted before they are sent, because the answer can get lost when all is done.
        self._sent: set[str] = set()
        self._ended: defaultdict[str, set[str]] = defaultdict(set)
        self._refused: dict[str, Trap] = {}

    def carry_out(self, connection: Connection, limit: TimeLimit) -> None:
        """Settle every user who has no result yet. Raises Cancelled, RouterFailure, never Trap."""
        ppp = Ppp(connection, limit)
        for names in chunks(self._open(list(self._wanted))):
            call.check()  # only here: whose secret is disabled must lose the sessions too
            try:
                self._settle(ppp, names)
            except Trap as trap:
                self.fail(trap.outcome, str(trap), names)

    def fail(self, outcome: AccessOutcome, detail: str = "", names: Sequence[str] = ()) -> None:
        """Give this result to those of `names` (or of all) who have none yet."""
        for name in names or self._wanted:
            self.results.setdefault(name, AccessResult(outcome, detail=detail))

    def _settle(self, ppp: Ppp, names: Sequence[str]) -> None:
        secrets = ppp.secrets(names)
        self._prepare(ppp, secrets)
        different = self._compare(self._open(names), secrets)
        for _ in range(_ROUNDS):
            if not different:
                break
            self._write(ppp, different)
            different = self._compare(rest := self._open(list(different)), ppp.secrets(rest) if rest else {})
        for name in different:
            self._failed(name, AccessOutcome.ROUTER_ERROR, "the router took the change and did not keep it")
        self._end_sessions(ppp, self._open(names))

    def _open(self, names: Sequence[str]) -> list[str]:
        """Those who have no result yet."""
        return [name for name in names if name not in self.results]

    def _prepare(self, ppp: Ppp, secrets: Mapping[str, Secret]) -> None:
        self._held.update(secrets)
        if any(self._wanted[name].profile or self._wanted[name].address_list for name in secrets):
            for name, (outcome, detail) in limits.prepare(ppp, self._wanted, secrets, self._sent).items():
                self._failed(name, outcome, detail)

    def _compare(self, names: Sequence[str], secrets: Mapping[str, Secret]) -> dict[str, tuple[str, Write]]:
        """The ids and writes of who differs. Others get a result, save whose sessions are yet to be looked at."""
        different = {}
        for name in names:
            if not (secret := secrets.get(name)):
                self.results[name] = AccessResult(AccessOutcome.NO_SUCH_SECRET)
                continue
            self._held[name] = secret
            if not (write := rules.next_write(self._wanted[name], secret)):
                if not self._looks_at_sessions(name):
                    self._succeeded(name)
            elif trap := self._refused.get(name):
                self._failed(name, trap.outcome, str(trap))
            else:
                different[name] = (secret.id, write)
        return different

    def _write(self, ppp: Ppp, different: Mapping[str, tuple[str, Write]]) -> None:
        by_write: defaultdict[Write, dict[str, str]] = defaultdict(dict)
        for name, (id_, write) in different.items():
            by_write[write][name] = id_
        for write, ids in by_write.items():
            stuck = self._stuck(ppp, list(ids)) if write.needs_no_session else set()
            if free := {name: id_ for name, id_ in ids.items() if name not in stuck}:
                self._send(ppp, free, write)

    def _stuck(self, ppp: Ppp, names: Sequence[str]) -> set[str]:
        """Who does not lose the sessions, and has that for a result."""
        stuck = {name: left for name, left in sessions.end(ppp, names, self._ended).items() if left}
        for name, left in stuck.items():
            self._failed(name, AccessOutcome.ROUTER_ERROR, f"the secret is disabled, but {left} sessions stay up")
        return set(stuck)

    def _send(self, ppp: Ppp, ids: Mapping[str, str], write: Write) -> None:
        self._sent.update(ids)
        try:
            ppp.write(ids.values(), write)
        except Trap as trap:
            if len(ids) > 1 and not trap.not_permitted:  # that would be so for each of them
                for name, id_ in ids.items():
                    self._send(ppp, {name: id_}, write)
            elif not trap.no_such_item:  # one that has another id by now is found by the next look-up
                self._refused.update(dict.fromkeys(ids, trap))

    def _looks_at_sessions(self, name: str) -> bool:
        wanted = self._wanted[name]
        return wanted.access is Access.DISABLED or (wanted.access is Access.LIMITED and bool(wanted.address_list))

    def _end_sessions(self, ppp: Ppp, names: Sequence[str]) -> None:
        """Of the disabled, only now that they cannot dial in again; of those on a list, at any address not on it."""
        if not names:
            return
        on_list = {name: self._held[name].address for name in names if self._wanted[name].access is Access.LIMITED}
        for name, left in sessions.end(ppp, names, self._ended, on_list).items():
            if left:
                what = "limited by its address" if name in on_list else "disabled"
                detail = f"the secret is {what}, but {left} sessions stay up"
                ended = len(self._ended[name])
                self.results[name] = AccessResult(AccessOutcome.ROUTER_ERROR, None, ended, detail)
            else:
                self._succeeded(name)

    def _succeeded(self, name: str) -> None:
        wanted, secret = self._wanted[name], self._held[name]
        changed = name in self._sent or self._ended[name]
        outcome = AccessOutcome.CHANGED if changed else AccessOutcome.ALREADY_SO
        detail = rules.warning(wanted, secret)
        self.results[name] = AccessResult(outcome, wanted.access, len(self._ended[name]), detail, secret.profile)

    def _failed(self, name: str, outcome: AccessOutcome, detail: str) -> None:
        secret, ended = self._held[name], len(self._ended[name])
        self.results[name] = AccessResult(outcome, rules.held(secret), ended, detail, secret.profile)
