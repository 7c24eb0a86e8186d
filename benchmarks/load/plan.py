"""What a load is to be, and what came of it: the words that go into the generator's process and come out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """Payments for accounts `0000<suffix>` and up, `accounts` of them in turn, from number `first` on.

    With `rate` the loop is open: payments are due at an even pace, whether or not earlier ones are answered, and
    each one's time counts from when it was due. Without, it is closed: each connection sends its next payment when the
    last one is answered, after `pause`. Times in seconds. `prefix`: four characters, so that no TransID comes twice.
    """

    port: int
    prefix: str
    suffix: str
    accounts: int
    first: int = 0
    connections: int = 64
    seconds: float = 5.0
    warmup: float = 0.5
    most: int | None = None
    rate: float | None = None
    pause: float = 0.0
    patience: float = 8.0
    amount: str = "1000.00"


@dataclass(frozen=True)
class Answers:
    """`per_second`: answers with 200 a second, between the warm-up and the end of sending.

    `latencies`: milliseconds of those answers, sorted. `began`: seconds since 1970 at which the first payment was due.
    `failed`: how many ended otherwise, by HTTP status, "timeout" or "broken". `cpu`: the generator's own seconds.
    """

    sent: int
    accepted: int
    per_second: float
    seconds: float
    began: float
    cpu: float
    failed: Mapping[str, int] = field(default_factory=dict)
    latencies: Sequence[float] = ()

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that `share` of the answers did not exceed; infinite when there are none."""
        if not self.latencies:
            return float("inf")
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]
