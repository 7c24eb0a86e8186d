"""Why callbacks wait in the spool, in words for people. Pure: looks at the spool and the breaker, asks nobody."""

from dataclasses import dataclass

from gateway.errors import DATABASE_REFUSES
from gateway.spool.breaker import Breaker
from gateway.spool.entries import State

_WORDS = {
    "UNAVAILABLE": "billing cannot be reached",
    "CANCELLED": "billing cannot be reached",
    "DEADLINE_EXCEEDED": "billing did not answer in time",
    "TIMED_OUT": "billing did not answer in time",
    "DATABASE_UNAVAILABLE": "billing's database did not answer",
    "SPOOL_NOT_EMPTY": "callbacks waited when the gateway started",
}


@dataclass(frozen=True)
class Trouble:
    """That `count` callbacks wait, and why. `lasting`: it does not pass by itself."""

    cause: str
    count: int
    lasting: bool = False


def waiting(state: State, breaker: Breaker) -> Trouble | None:
    """Why payments are not recorded at once; None when they are."""
    if breaker.is_open:
        reason = breaker.cause.partition(":")[0]
        cause = _WORDS.get(reason) or breaker.cause.removeprefix(f"{DATABASE_REFUSES}: ")
    elif state.deferred:
        cause = "billing cannot record them yet: others hold their rows, or it takes too long"
    elif state.waiting:
        cause = "they are being handed over"
    else:
        return None
    if state.failure or state.full:
        cause = f"{cause}; the spool is {state.word}"
    return Trouble(cause, state.waiting, breaker.cause.startswith(DATABASE_REFUSES))


def rejected(state: State) -> Trouble | None:
    """That something is kept which nobody takes; None when nothing is."""
    if not state.rejected:
        return None
    return Trouble("neither billing nor its quarantine takes them", state.rejected, lasting=True)
