"""Who can be paid: ISPs and customers as routing sees them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeVar

from billing.calendar import MONTH, Period
from billing.payments.rules import normalise


class IspAccount(StrEnum):
    """The three accounts an ISP pays into itself; the value is the prefix of their references."""

    SMS = "SMS"
    WHATSAPP = "WA"
    SERVICE = "ACC"


@dataclass(slots=True, kw_only=True)
class Isp:
    isp_id: int
    name: str
    contact_phone: str
    sms_account: str = ""
    wa_account: str = ""
    pay_account_number: str = ""
    closed: bool = False

    def accounts(self) -> Iterable[tuple[IspAccount, str]]:
        yield IspAccount.SMS, normalise(self.sms_account)
        yield IspAccount.WHATSAPP, normalise(self.wa_account)
        yield IspAccount.SERVICE, normalise(self.pay_account_number)


class LineState(StrEnum):
    """Whether a line is on."""

    ON = "on"
    OFF = "off"


class LineReason(StrEnum):
    """Why that is wanted of a line."""

    PAID = "paid"
    GRACE = "grace"  # the paid time is over, and the ISP waits
    UNPAID = "unpaid"
    PAUSED = "paused"
    BY_STAFF = "by_staff"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Line:
    """A customer's line: what a router calls it, and which router. What is wanted of it is no part of which line it is.

    `version`: goes up whenever something else is wanted of the line.
    """

    router_id: int
    username: str
    wanted: LineState = field(default=LineState.ON, compare=False)
    version: int = field(default=0, compare=False)


@dataclass(slots=True, kw_only=True)
class Customer:
    """A customer; `next_payment_date` moves while a batch is settled, so that two payments in it add up.

    `due_day`: the day of the month that the due date would have, had its month so many days; None when it has it.
    """

    customer_id: int
    account_name: str
    full_name: str
    username: str
    phone: str
    package_cents: int | None
    router_id: int | None
    isp_id: int | None
    next_payment_date: date | None
    active: bool = False
    closed: bool = False
    due_day: int | None = None
    # Of the line. `wanted`: None: nothing yet, it is left as it is. `hold`: why staff keep it off, and since when.
    wanted: LineState | None = None
    reason: LineReason | None = None
    version: int = 0
    hold: LineReason | None = None
    hold_since: date | None = None
    # What `package_cents` pays for. `package_name`: of the ISP's packages; empty: none.
    period: Period = MONTH
    package_name: str = ""
    # The package whose profile the line has: until `package_day` an earlier one, whose time is paid for.
    line_package: str = ""
    package_day: date | None = None

    @property
    def line(self) -> Line | None:
        """None when the router or the username is not on record."""
        if not self.router_id or not self.username:
            return None
        return Line(self.router_id, self.username, self.wanted or LineState.ON, self.version)


def resumed(due_date: date | None, since: date | None, today: date) -> date | None:
    """The due date of one who comes back from a pause: the days that were paid for when it began are kept."""
    if due_date is None or since is None or due_date < since or today < since:
        return due_date
    return min(due_date, date.max - (today - since)) + (today - since)


class Payees:
    """The ISPs and customers that the references of a batch may mean."""

    def __init__(self, isps: Iterable[Isp], customers: Iterable[Customer]) -> None:
        self.isps = {isp.isp_id: isp for isp in isps}
        self._by_account: dict[tuple[IspAccount, str], list[Isp]] = defaultdict(list)
        self._customers: dict[str, list[Customer]] = defaultdict(list)
        for isp in self.isps.values():
            for account in isp.accounts():
                self._by_account[account].append(isp)
        for customer in customers:
            self._customers[normalise(customer.account_name)].append(customer)

    def isps_with(self, kind: IspAccount, reference: str) -> Sequence[Isp]:
        """The ISPs that have this normalised reference as their account of this kind; see _open_ones."""
        return _open_ones(self._by_account.get((kind, reference), []))

    def customers_with(self, reference: str) -> Sequence[Customer]:
        """The customers that have this normalised reference as account; see _open_ones."""
        return _open_ones(self._customers.get(reference, []))


Payee = TypeVar("Payee", Isp, Customer)


def _open_ones(found: Sequence[Payee]) -> Sequence[Payee]:
    """Those who are not closed; where all are, the last of them: an account can mean nobody else."""
    return [one for one in found if not one.closed] or found[-1:]
