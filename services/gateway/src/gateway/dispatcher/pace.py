"""How fast the dispatcher goes, and how it slows down while a service is away."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Beat:
    """How far apart rounds of leasing begin at least, in seconds.

    `gap` is for ordinary times, `courtesy` while payments come in so fast that batches fill up: taking in goes first.
    """

    gap: float
    courtesy: float


@dataclass(frozen=True)
class Pace:
    """Times in seconds. A lease must outlast a call by far, or a slow router's tasks would be carried twice."""

    lease: float = 30.0
    # No call starts unless its whole deadline and then `margin`, for the report, fit into the lease.
    access_deadline: float = 15.0
    message_deadline: float = 10.0
    report_deadline: float = 5.0
    margin: float = 2.0
    # How long to wait for work that nobody announced.
    poll: float = 1.0
    # Pauses while a service is away: doubled from the first to the longest. To ask costs little, and lines wait for it.
    first_pause: float = 0.25
    max_pause: float = 2.0
    # Nobody notices either gap; but a round for ten lines or for fifty messages costs hardly more than one for one.
    access_beat: Beat = Beat(gap=0.02, courtesy=0.1)
    message_beat: Beat = Beat(gap=0.25, courtesy=3.0)
    max_tasks: int = 500
    # While payments come in fast, a large round would hold them up all at once.
    max_tasks_in_a_rush: int = 50
    # Stop leasing while so many tasks wait here.
    max_tasks_held: int = 2000
    max_routers_at_once: int = 64
    # Or while tasks for so many routers do: their ids go with each lease, and billing takes no more than 1000.
    max_routers_held: int = 1000
    max_message_calls_at_once: int = 2
