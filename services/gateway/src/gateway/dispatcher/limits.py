"""Deadlines, intervals and bounds of the dispatcher. A module of its own because all of its others read them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DispatchLimits:
    """Times in seconds. A lease must outlast a call by far, or a slow router's tasks would be carried out twice."""

    lease: float = 30.0
    # No call starts unless its whole deadline and then `margin`, for the report, fit into the lease.
    access_deadline: float = 15.0
    message_deadline: float = 10.0
    report_deadline: float = 5.0
    margin: float = 2.0
    # Leases are asked for so far apart while there is work: a round for ten lines or for fifty messages costs hardly
    # more than one for one. At 80 payments a second it is most of what they cost: with 0.02 the answer to a payment
    # takes half as long again.
    access_interval: float = 0.1
    message_interval: float = 0.25
    # And messages so far apart, and for so few tasks of either kind, while payments come in so fast that they need the
    # machine more.
    busy_message_interval: float = 3.0
    max_tasks_when_busy: int = 50
    # And messages also for so long after a lease that was full of lines: when thousands wait for a router that is back,
    # their lines are on in half the time if they are told a few seconds later.
    lines_first: float = 0.5
    # And so far apart when there is no work: what is due waits no longer than that.
    poll: float = 0.1
    # Pauses while a service is away: doubled from the first to the longest. To ask costs little, and lines wait for it.
    first_pause: float = 0.25
    max_pause: float = 2.0
    # Lines are swept so often, and each page of a sweep, of five lines, so long after the one before. Small pages, not
    # few: a payment waits as long as the page beside it and its calls take (docs/performance.md).
    sweep_interval: float = 30.0
    sweep_pause: float = 0.2
    sweep_deadline: float = 10.0
    # Each router is read and compared so often, by one dispatcher; they ask so often whether one is due. Each page
    # so long after the one before. Reading a large one takes some seconds, in which its lines are not switched.
    check_interval: float = 6 * 3600.0
    check_poll: float = 300.0
    check_pause: float = 1.0
    check_deadline: float = 60.0
    max_tasks: int = 500
    # Stop leasing while so many tasks wait here.
    max_tasks_held: int = 2000
    max_routers_at_once: int = 64
    # Or while tasks for so many routers do: their ids go with each lease, and billing takes no more than 1000.
    max_routers_held: int = 1000
    max_message_calls_at_once: int = 2
