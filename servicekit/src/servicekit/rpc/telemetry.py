"""What a server and a channel tell of each unary RPC, for whoever measures. Measures nothing and stores nothing."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answered:
    """An RPC that ended. `method`: "/package.Service/Method"; `reason`: the error's, or "" when it went well."""

    method: str
    reason: str
    seconds: float


# Called in the thread, or in the event loop, of the RPC: it must not block.
Observe = Callable[[Answered], None]


def nobody(_answered: Answered) -> None:
    """Observes nothing."""
