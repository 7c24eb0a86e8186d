"""Which due messages may go out now: not before the line they tell of was tried, nor more in an hour than is wanted;
and what they say.

A module of its own: it is about messages alone, service about all tasks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from billing.announcements import service as announcing
from billing.held import suggesting
from billing.notices import service as digests
from billing.notices.composing import Message, of_task
from billing.notices.rules import Notice, Variant
from billing.policies import store as policies
from billing.policies.rules import Language
from billing.policy import Policy
from billing.reminders import service as reminding
from billing.tasks import rules, store
from billing.tasks.rules import Task


def sendable(connection: Connection, policy: Policy, due: Sequence[Task], now: datetime) -> list[Task]:
    """Those of these locked tasks that may go out now and have somebody left to tell."""
    timely = reminding.without_untrue(connection, _without_early(connection, due, now), now)
    waiting = digests.hold_back(connection, policy, [task for task in timely if task.fencing_token == 0], now)
    live = [task for task in timely if task.task_id not in waiting]
    told = [task for task in live if isinstance(task.work, Notice) and task.work.has_recipients]
    suggesting.complete(connection, told)
    return list(announcing.complete(connection, told, now))


def _without_early(connection: Connection, due: Sequence[Task], now: datetime) -> list[Task]:
    """Leave out "your site cannot be reached" of lines that nobody has asked for before: we were away, not they."""
    waiting = {task.trans_id for task in due if task.variant is Variant.WAITING}
    early = store.find_never_leased(connection, waiting)
    if early:
        store.delay_waiting(connection, early, now + rules.MIN_MESSAGE_DELAY)
    return [task for task in due if task.variant is not Variant.WAITING or task.trans_id not in early]


def compose(connection: Connection, notices: Sequence[Task]) -> Mapping[int, Sequence[Message]]:
    """The messages of message tasks, by the task's id: with the routers' names, in the customers' languages."""
    names = store.router_names(connection, {task.router_id for task in notices if task.router_id})
    languages = policies.languages(connection, {task.customer_id for task in notices if task.customer_id})
    return {
        task.task_id: of_task(
            task.task_id,
            task.trans_id,
            task.work,
            task.variant,
            names.get(task.router_id, ""),
            languages.get(task.customer_id, Language.ENGLISH),
        )
        for task in notices
        if isinstance(task.work, Notice)
    }
