"""The cases, in the order of a run: the short ones first, those that fill the tables last.

A case is a module with `run(bench)`; its docstring says what it measures and how.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

from benchmarks.bench import Bench
from benchmarks.cases import (
    even_pace,
    failing_lines,
    grpc_share,
    half_peak,
    hot_wallet,
    lone_payment,
    memory,
    open_tasks,
    outage,
    overload,
    payment_to_line,
    router_returns,
    wallets,
    whole_job,
)
from benchmarks.results import Measure


@dataclass(frozen=True)
class Case:
    """`what`: its docstring's first sentence."""

    name: str
    what: str
    run: Callable[[Bench], Sequence[Measure]]


def _case(module: ModuleType) -> Case:
    what = (module.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    return Case(module.__name__.rpartition(".")[2], what, module.run)


CASES: Sequence[Case] = tuple(
    map(
        _case,
        (
            lone_payment,
            hot_wallet,
            wallets,
            even_pace,
            half_peak,
            grpc_share,
            payment_to_line,
            whole_job,
            failing_lines,
            overload,
            outage,
            router_returns,
            open_tasks,
            memory,
        ),
    )
)
