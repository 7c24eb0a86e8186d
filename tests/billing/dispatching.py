"""A dispatcher for tests: carries tasks out like the gateway's, with routers that answer by script and an inbox."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from billing.notices.composing import Message
from billing.payees.rules import Line
from billing.schema import tasks
from billing.tasks import leasing
from billing.tasks.leasing import LeasedTask
from billing.tasks.rules import CONFIRMED, AccessOutcome, Report, TaskFilter
from notify.messages import templates

from tests.billing.desk import ADMINS, Desk


class Dispatcher:
    """`script`: the next answers of a router; when there is none left the line is switched."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.script: dict[int, list[AccessOutcome]] = defaultdict(list)
        self.switched: list[tuple[int, str]] = []
        self.held: dict[tuple[int, str], str] = {}  # what routers hold: on or off
        self.profiles: dict[tuple[int, str], str] = {}  # and in which profile, where one was asked for
        self.inbox: dict[str, Message] = {}
        self.notify_is_up = True
        self.tower = "Tower"
        self.words = ""  # what routers say when they refuse

    def carry_out(self) -> int:
        """Carry out what is due now, and what becomes due by it; how many tasks that were.

        All of it is one moment, however long this machine takes: a router that fails does so until the end of it.
        """
        count, failing = 0, dict[int, AccessOutcome]()
        while True:
            leased = leasing.lease(
                self.desk.engine, self.desk.policy, "dispatcher", timedelta(seconds=30), TaskFilter(100)
            )
            assert self.desk.report(*self._do_all(leased, failing)) == []
            count += len(leased)
            if not leased and not self.desk.is_anything_due():
                return count

    def run(self) -> None:
        """Carry out until nothing is open, letting the time between pass."""
        for _ in range(500):
            self.carry_out()
            open_tasks = self.desk.rows(tasks, state="open")
            if not open_tasks:
                return
            self.desk.pass_time(timedelta(seconds=61))
        raise AssertionError(f"these tasks have no end: {open_tasks}")

    def told(self) -> dict[str, list[str]]:
        """The templates that each phone got; the admins, who all get the same, as "admins"."""
        by_phone: dict[str, list[str]] = defaultdict(list)
        for message in self.inbox.values():
            by_phone[message.phone].append(message.template)
        to_admins = [by_phone.pop(phone, []) for phone in ADMINS]
        assert all(templates == to_admins[0] for templates in to_admins)
        return dict(by_phone) | ({"admins": to_admins[0]} if to_admins[0] else {})

    def facts(self, template: str) -> dict[str, str]:
        """The facts of the last message of this template."""
        return [message.facts for message in self.inbox.values() if message.template == template][-1]

    def _do_all(self, leased: Iterable[LeasedTask], failing: dict[int, AccessOutcome]) -> Iterable[Report]:
        """One answer of a router for all its lines, as one call to it gives."""
        answers = dict(failing)
        for task in leased:
            if isinstance(task.work, Line):
                router_id = task.work.router_id
                if router_id not in answers:
                    answers[router_id] = (
                        self.script[router_id].pop(0) if self.script[router_id] else AccessOutcome.CHANGED
                    )
                if answers[router_id] not in CONFIRMED:
                    failing[router_id] = answers[router_id]
                else:
                    self.switched.append((router_id, task.work.username))
                    self.hold(task)
                words = "" if answers[router_id] in CONFIRMED else self.words
                name = f"{self.tower} {router_id}"
                yield Report(task.task_id, task.fencing_token, words, access=answers[router_id], router_name=name)
            else:
                yield self._hand_over(task)

    def hold(self, task: LeasedTask) -> None:
        """Its router holds what a task asks for."""
        assert isinstance(task.work, Line)
        line = task.work.router_id, task.work.username
        self.held[line] = task.work.wanted
        if task.limit.profile:
            self.profiles[line] = task.limit.profile

    def _hand_over(self, task: LeasedTask) -> Report:
        assert not isinstance(task.work, Line)
        assert task.work, "a message task without messages"
        if self.notify_is_up:
            for message in task.work:
                assert templates.find(message.template).render(message.facts)
                first = self.inbox.setdefault(message.message_id, message)
                assert first.phone == message.phone  # an id is one message for ever
        return Report(task.task_id, task.fencing_token, "notify is down", accepted=self.notify_is_up)


def failed(task, result=AccessOutcome.UNREACHABLE):
    return Report(task.task_id, task.fencing_token, "no route", access=result, router_name="Tower")


def switched(task):
    return Report(task.task_id, task.fencing_token, access=AccessOutcome.CHANGED, router_name="Tower")


def handed_over(task):
    return Report(task.task_id, task.fencing_token, accepted=True)


def lines(desk, **kwargs):
    """Leases everything due; the access tasks of it."""
    return [task for task in desk.lease(**kwargs) if isinstance(task.work, Line)]
