"""What every case works with: both systems, MySQL, loads, and rounds in which contenders take turns."""

import json
import secrets
import string
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.load.plan import Answers, Load
from benchmarks.mysql_server import MySqlServer
from benchmarks.ours import Ours
from benchmarks.predecessor.running import MAX_CONNECTIONS, Predecessor
from benchmarks.raw.rows import PaymentRows

_LETTERS = string.ascii_uppercase + string.digits


class LostPayment(Exception):
    """More payments were acknowledged than are stored: the promise is broken, and no speed counts."""


class NothingAccepted(Exception):
    """Not one payment of a load was answered with 200."""


@dataclass(frozen=True)
class Extent:
    """How long a run is: the whole one, or the quick one that only shows that everything works."""

    rounds: int
    seconds: float
    quick: bool

    def choose(self, whole: int, quick: int) -> int:
        return quick if self.quick else whole


@dataclass
class Bench:
    """One run. `peaks`: payments a second and connections at each system's best, found by `peak`."""

    mysql: MySqlServer
    ours: Ours
    predecessor: Predecessor
    raw: PaymentRows
    extent: Extent
    directory: Path
    say: Callable[[str], None]
    _peaks: dict[str, tuple[float, int]] = field(default_factory=dict)

    def rounds(self, contenders: Mapping[str, Callable[[], float]], count: int | None = None) -> dict[str, list[float]]:
        """The value of each contender in each round. They take turns, and every other round in reverse, so that what
        drifts meets all of them alike.
        """
        values: dict[str, list[float]] = {name: [] for name in contenders}
        for number in range(count or self.extent.rounds):
            order = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
            for name in order:
                values[name].append(contenders[name]())
                self.say(f"    round {number + 1}: {name} {values[name][-1]:,.4g}")
        return values

    def load(self, **plan: object) -> tuple[Answers, str]:
        """Run a load in a process of its own; what came of it, and the prefix of its TransIDs."""
        prefix = "".join(secrets.choice(_LETTERS) for _ in range(4))
        load = Load(prefix=prefix, **plan)  # type: ignore[arg-type]  # checked by the dataclass
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load"], input=json.dumps(asdict(load)), capture_output=True, text=True,
            check=False, timeout=load.seconds + load.patience + 60,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the load generator failed:\n{done.stderr[-2000:]}")
        answers = Answers(**json.loads(done.stdout))
        if not answers.accepted:
            raise NothingAccepted(f"{answers.sent} payments sent, none accepted: {dict(answers.failed)}")
        return answers, prefix

    def pay_us(self, *, suffix: str = "HW", **plan: object) -> tuple[Answers, str]:
        """A load on our gateway. Raises LostPayment when something acknowledged is not in the books."""
        answers, prefix = self.load(port=self.ours.port, suffix=suffix, accounts=self.ours.size.of(suffix), **plan)
        stored = self._stored(prefix, answers.accepted)
        if stored < answers.accepted:
            raise LostPayment(f"{answers.accepted} acknowledged, {stored} stored")
        return answers, prefix

    def _stored(self, prefix: str, acknowledged: int) -> int:
        """How many of a load's payments are in the books, once those are that the gateway took into its spool."""
        deadline = time.monotonic() + _SPOOL_SECONDS
        while (stored := self.ours.recorded(prefix)) < acknowledged and time.monotonic() < deadline:
            time.sleep(0.1)
        return stored

    def pay_predecessor(self, *, sms: bool = False, **plan: object) -> tuple[Answers, str]:
        """A load on the predecessor, with its messages or without."""
        port = self.predecessor.port_with_sms if sms else self.predecessor.port
        return self.load(port=port, suffix="HW", accounts=self.ours.size.hot, **plan)

    def peak(self, name: str) -> tuple[float, int]:
        """Payments a second and connections at a system's best ("ours", "predecessor"); found once a run."""
        if name not in self._peaks:
            self.say(f"    looking for the best number of connections for {name}")
            found = [(self._try(name, connections), connections) for connections in _CONNECTIONS[name]]
            self._peaks[name] = max(found)
        return self._peaks[name]

    def set_peak(self, name: str, per_second: float) -> None:
        """A better figure for a peak than the first look gave."""
        self._peaks[name] = (per_second, self.peak(name)[1])

    def _try(self, name: str, connections: int) -> float:
        seconds = min(self.extent.seconds, 2)
        if name == "predecessor":
            return self.pay_predecessor(connections=connections, seconds=seconds)[0].per_second
        answers, _ = self.pay_us(connections=connections, seconds=seconds)
        self.ours.drain()
        return answers.per_second


_SPOOL_SECONDS = 60  # within them what billing was too slow for is in its books
_CONNECTIONS = {"ours": (128, 256, 512), "predecessor": (8, 16, MAX_CONNECTIONS)}
