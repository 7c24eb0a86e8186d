"""Months in the life of an ISP on a clock that is moved: payments early, late, part, over, doubled, routers down for
hours, dispatchers that die with their leases, billing killed at any statement, everything at a standstill for two days;
pauses, cuts by staff and given days; packages of weeks and days, changed at once and at the renewal.

What is expected is reckoned here a second time, in another way: a due date is so many months after a day.
"""

import math
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from billing.changes.rules import Author, Noun
from billing.lines import service
from billing.lines.service import Whom
from billing.locking.service import HeldRows
from billing.packages import service as packages
from billing.packages.errors import ChangeWaits
from billing.packages.rules import Package, read_period
from billing.packages.service import Order
from billing.payees.rules import LineReason, LineState
from billing.policies.service import Asked, change
from billing.schema import pppoe_users, tasks
from billing.tasks.rules import AccessOutcome
from dateutil.relativedelta import relativedelta

from tests.billing.desk import customer
from tests.billing.dispatching import lines, switched
from tests.billing.killing import Killing
from tests.billing.lines.conftest import sweep

NAIROBI = ZoneInfo("Africa/Nairobi")
CUSTOMERS, DAYS, ROUTERS = int(os.environ.get("YEAR_CUSTOMERS", "24")), int(os.environ.get("YEAR_DAYS", "120")), 4
SEEDS = {"sqlite": 6, "mysql": 5, "mariadb": 7}
STEP = timedelta(hours=3)
AUTHOR = Author("Asha", "asked")
GRACE = {1: 0, 2: 3}  # by ISP; the second one cuts nobody on a Sunday, reminds, and gives all months paid
OFFSETS = (-3, 0)
# By name: price in shillings, period, profile, how many days it counts as. The first: of who has none.
PACKAGES = {
    "": (1000, {"months": 1}, "", 30), "week": (300, {"weeks": 1}, "5M", 7), "ten": (450, {"days": 10}, "10M", 10),
    "quarter": (2500, {"months": 3}, "20M", 90),
}  # fmt: skip


@dataclass
class Expected:
    """A customer as it should be: paid until so many months after a day.

    `has`: the package whose profile the line has, until the sweep of `day`.
    """

    account: str
    isp_id: int
    router_id: int
    start: date
    months: int = 0
    hold: str = ""
    held_since: date | None = None
    managed: bool = False
    package: str = ""
    has: str = ""
    day: date | None = None

    @property
    def due(self) -> date:
        return self.start + relativedelta(months=self.months)

    @property
    def price(self) -> str:
        return str(PACKAGES[self.package][0])

    def pay(self, today: date, packages: int = 1) -> None:
        if self.hold == "paused":
            self.resume(today)
        step = PACKAGES[self.package][1]
        if "months" not in step:
            self.move(max(self.due, today) + packages * timedelta(**step))
        elif today <= self.due:
            self.months += packages * step["months"]
        else:
            self.start, self.months = today, packages * step["months"]

    def move(self, due: date) -> None:
        self.start, self.months = due, 0

    def change(self, package: str, today: date, *, at_renewal: bool) -> None:
        old, new = PACKAGES[self.package], PACKAGES[package]
        start = min(self.held_since, today) if self.hold == "paused" else today
        unused = max((self.due - start).days, 0)
        days = math.ceil(Fraction(old[0], old[3]) * unused / Fraction(new[0], new[3]))
        if at_renewal and self.due >= today:
            self.day = self.due + timedelta(days=1)
        else:
            self.has = package
        if not at_renewal and days != unused:
            self.move(start + timedelta(days=days))
        self.package = package

    def give(self, days: int, today: date) -> None:
        self.move(max(self.due, today) + timedelta(days=days))

    def keep_off(self, why: str, today: date) -> None:
        if self.hold != why:
            self.hold, self.held_since = why, today

    def resume(self, today: date) -> None:
        if self.hold == "paused" and self.due >= self.held_since < today:
            self.move(self.due + (today - self.held_since))
        self.hold = ""

    def is_on(self, now: datetime) -> bool:
        last = self.due + timedelta(days=GRACE[self.isp_id])
        if self.isp_id == 2 and (last + timedelta(days=1)).weekday() == 6:
            last += timedelta(days=1)
        return not self.hold and now < datetime.combine(last, time(), NAIROBI) + timedelta(days=1)


class Life:
    """All customers of the desk's two ISPs."""

    def __init__(self, desk, dispatcher, clock, seed):
        self.desk, self.dispatcher, self.clock, self.dice = desk, dispatcher, clock, random.Random(seed)
        self.billing = Killing(desk.engine, random.Random(seed), 0.002)
        self.people = self._people()
        self.codes = count(1)
        self.down: dict[int, datetime] = {}
        self.still_until = clock.now
        self.stood_still: set[date] = set()

    def _people(self):
        self.desk.execute(pppoe_users.delete())
        people, new = [], []
        for number in range(CUSTOMERS):
            router_id, isp_id, name = number % ROUTERS + 1, number % 2 + 1, f"C{number:04}"
            phone, paid_until = f"0712{number:06}", self.desk.today() + timedelta(days=self.dice.randint(-20, 25))
            people.append(Expected(name, isp_id, router_id, paid_until))
            fields = {"router_id": router_id, "username": name, "phone": phone, "next_payment_date": paid_until}
            new.append(customer(name, isp_id, 100_000, **fields))
        for begin in range(0, CUSTOMERS, 200):
            self.desk.create(new[begin : begin + 200])
        return people

    @property
    def today(self) -> date:
        return self.clock.now.astimezone(NAIROBI).date()

    def step(self) -> None:
        self.clock.now += STEP
        for one in self.people:
            if self.dice.random() < 0.007:
                self.happen(one)
        self.break_and_mend()
        if self.clock.now < self.still_until:
            self.stood_still.add(self.today)
            return
        self.race()
        self.billing.until_done(lambda: sweep(self.desk), self.start_again)
        for one in self.people:
            if one.day and one.day <= self.today:
                one.has, one.day = one.package, None
        self.billing.until_done(self.dispatcher.carry_out, self.start_again)
        self.check()

    def start_again(self) -> None:
        """Billing is there again once its caller's leases have run out."""
        self.desk.held_rows = HeldRows(self.desk.engine)
        self.clock.now += timedelta(seconds=31)

    def happen(self, one: Expected) -> None:
        """Something of an ISP's day, by the customer or by staff, who try again until it is done."""
        what = self.dice.choices(
            ["pay", "twice", "over", "part", "extend", "pause", "cut", "resume", "package"],
            [50, 5, 10, 10, 5, 8, 3, 15, 12],
        )[0]  # fmt: skip
        whom, desk = Whom(account=one.account), self.desk
        match what:
            case "pay" | "twice":
                code = f"P{next(self.codes)}"
                for _ in range(1 + (what == "twice")):
                    self.done(lambda: desk.pay(code, one.account, one.price, receive_time=self.clock.now))
                one.pay(self.today)
            case "over":
                code, amount = f"P{next(self.codes)}", str(2.5 * PACKAGES[one.package][0])
                self.done(lambda: desk.pay(code, one.account, amount, receive_time=self.clock.now))
                one.pay(self.today, packages=2 if one.isp_id == 2 else 1)
            case "part":
                code = f"P{next(self.codes)}"
                self.done(lambda: desk.pay(code, one.account, "200"))
            case "extend":
                days = self.dice.randint(1, 9)
                self.done(lambda: service.extend(desk.engine, desk.policy, whom, days, AUTHOR))
                one.give(days, self.today)
            case "pause" | "cut":
                why = LineReason.PAUSED if what == "pause" else LineReason.BY_STAFF
                self.done(lambda: service.hold(desk.engine, desk.policy, whom, why, AUTHOR))
                one.keep_off(why, self.today)
            case "resume":
                self.done(lambda: service.release(desk.engine, desk.policy, whom, AUTHOR))
                one.resume(self.today)
            case "package":
                self.change_package(one)

    def change_package(self, one: Expected) -> None:
        name, at_renewal = self.dice.choice(list(PACKAGES)[1:]), self.dice.random() < 0.5
        whom, order = Whom(account=one.account), Order(name, at_renewal)
        if one.day and (one.package != name or not at_renewal):
            with pytest.raises(ChangeWaits):
                self.done(lambda: packages.change(self.desk.engine, self.desk.policy, whom, order, AUTHOR))
            return
        self.done(lambda: packages.change(self.desk.engine, self.desk.policy, whom, order, AUTHOR))
        if not one.day:
            one.change(name, self.today, at_renewal=at_renewal)

    def done(self, work: Callable[[], object]) -> None:
        self.billing.until_done(work, self.start_again)

    def break_and_mend(self) -> None:
        for router_id, until in list(self.down.items()):
            if self.clock.now >= until:
                del self.down[router_id]
                self.dispatcher.script[router_id] = []
                self.clock.now += timedelta(minutes=2)  # what waits for it is tried within a minute
        if self.dice.random() < 0.05:
            router_id = self.dice.randint(1, ROUTERS)
            self.down[router_id] = self.clock.now + timedelta(hours=self.dice.randint(1, 30))
        for router_id in self.down:
            self.dispatcher.script[router_id] = [AccessOutcome.UNREACHABLE] * 100_000

    def race(self) -> None:
        """Somebody pays or is paused while a router is being asked, which answers late; or whoever asked it is dead."""
        if self.dice.random() < 0.6:
            return
        for task in lines(self.desk, limit=3, busy=frozenset(self.down)):
            if self.dice.random() < 0.3:
                self.clock.now += timedelta(seconds=31)
                continue
            self.happen(self.dice.choice(self.people))
            self.dispatcher.hold(task)
            self.desk.report(switched(task))

    def check(self) -> None:
        for one in self.people:
            if one.router_id not in self.down:
                held = self.dispatcher.held.get((one.router_id, one.account))
                expected = LineState.ON if one.is_on(self.clock.now) else LineState.OFF
                # The desk's customers come as "inactive": who is to be off is so, as far as is known.
                assert (held or LineState.OFF) == expected, (one, self.clock.now)
                if held == LineState.ON and one.has:
                    profile = self.dispatcher.profiles.get((one.router_id, one.account))
                    assert profile == PACKAGES[one.has][2], (one, self.clock.now)

    def check_end(self) -> None:
        dates = {row.account_name: row.next_payment_date for row in self.desk.rows(pppoe_users)}
        assert dates == {one.account: one.due for one in self.people}
        has = {row.account_name: row.line_package or "" for row in self.desk.rows(pppoe_users)}
        assert has == {one.account: one.has for one in self.people}
        assert self.desk.rows(tasks, kind="set_access", state="open") == []
        self.desk.check_books()
        told = Counter(
            (message.phone, message.facts["due_date"])
            for message in self.dispatcher.inbox.values()
            if message.template == "customer_reminder"
        )
        assert told
        assert max(told.values()) <= len(OFFSETS)
        cut = [row.state for row in self.desk.rows(tasks) if row.payload.startswith('{"event":"switched_off')]
        assert cut.count("done") > len(cut) / 2  # who paid before it was said is not told; nor is anybody days later


@pytest.mark.timeout(max(300, 2 * CUSTOMERS))  # a thousand take minutes
def test_every_line_is_on_exactly_as_long_as_it_is_paid_for(managing, dispatcher, clock):
    fields = {"grace_days": "3", "days_without_cuts": "sun", "reminder_days": ",".join(map(str, OFFSETS))}
    fields |= {"overpayments": "months"}
    change(managing.engine, Asked(Noun.ISP, 2), fields, (), AUTHOR)
    for isp_id in GRACE:
        for name, (price, period, profile, _) in list(PACKAGES.items())[1:]:
            ((unit, many),) = period.items()
            package = Package(isp_id, name, price * 100, read_period(f"{many} {unit}"), profile)
            packages.create(managing.engine, package, AUTHOR)
    clock.now = datetime(2026, 12, 1, 21, tzinfo=UTC)  # midnight in Nairobi; the months' ends are ahead
    # Another year on each database.
    seed = int(os.environ.get("YEAR_SEED", SEEDS[managing.engine.dialect.name]))
    life = Life(managing, dispatcher, clock, seed)
    for step in range(DAYS * 24 // 3):
        if step == DAYS * 4:
            life.still_until = clock.now + timedelta(days=2)
        life.step()
    life.down = dict.fromkeys(life.down, clock.now)
    life.step()
    life.check_end()
    assert life.billing.count > 10
