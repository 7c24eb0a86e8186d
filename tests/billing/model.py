"""A simple model of billing, written from the rules and not from the code: what must be so after each payment."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date

from billing.payments.rules import Payment

SHORTCODE = "600100"
UNMATCHED = {"HELLO": "unknown_reference", "": "unknown_reference", "0001ZZ": "user_not_found", "WA9": "isp_not_found"}
ISP_ACCOUNTS = {f"{kind}00{isp}": (kind, isp) for kind in ("SMS", "WA", "ACC") for isp in (1, 2)}
PRICES = {"SMS": 50, "WA": 20}


@dataclass
class Customer:
    isp: int
    package: int
    router: int | None
    phone: str | None
    due: date | None
    status: str = "inactive"
    day: int = 0  # of the month; 0: the due date's


@dataclass
class Record:
    """A stored payment. `line`: None when none was owed, else open, done or given_up."""

    content: tuple[int, str, str]
    outcome: str
    reason: str | None
    account: str = ""
    assigned_to: str = ""
    line: str | None = None
    was_given_up: bool = False


@dataclass
class Model:
    customers: dict[str, Customer]
    wallets: dict[int, int] = field(default_factory=lambda: {1: 0, 2: 0})
    credits: dict[int, dict[str, int]] = field(default_factory=lambda: {1: {"SMS": 0, "WA": 0}, 2: {"SMS": 0, "WA": 0}})
    payments: dict[str, Record] = field(default_factory=dict)
    conflicts: set[tuple[str, tuple[int, str, str]]] = field(default_factory=set)

    def pay(self, payment: Payment, today: date) -> tuple[str, bool]:
        """The outcome that must be answered, and whether it is a repetition."""
        account = plain(payment.bill_ref_number)
        content = (payment.amount_cents, payment.business_short_code.strip(), account)
        record = self.payments.get(payment.trans_id)
        if record is None:
            record = self.payments[payment.trans_id] = Record(content, "unmatched", None)
            if content[1] != SHORTCODE:
                record.reason = "unknown_shortcode"
            else:
                self._place(record, account, today)
            return record.outcome, False
        if content != record.content:
            self.conflicts.add((payment.trans_id, content))
            return "conflict", True
        return record.outcome, True

    def assign(self, trans_id: str, reference: str, today: date) -> str:
        """The outcome, or the reason why not."""
        account = plain(reference)
        record = self.payments.get(trans_id)
        if record is None:
            return "PAYMENT_NOT_FOUND"
        if record.outcome != "unmatched":
            return record.outcome if record.assigned_to == account != "" else "PAYMENT_ALREADY_PLACED"
        if account in UNMATCHED:
            return "ACCOUNT_NOT_FOUND"
        self._place(record, account, today)
        record.assigned_to = account
        return record.outcome

    def _place(self, record: Record, account: str, today: date) -> None:
        amount = record.content[0]
        if account in self.customers:
            self._pay_customer(record, account, amount, today)
        elif account in ISP_ACCOUNTS:
            kind, isp = ISP_ACCOUNTS[account]
            price = PRICES.get(kind)
            if price:
                self.credits[isp][kind] += amount // price
            self.wallets[isp] += amount % price if price else amount
            record.outcome = {"SMS": "sms_credits", "WA": "whatsapp_credits", "ACC": "service_payment"}[kind]
        else:
            record.reason = UNMATCHED[account]
            return
        record.account, record.reason = account, None

    def _pay_customer(self, record: Record, account: str, amount: int, today: date) -> None:
        customer = self.customers[account]
        self.wallets[customer.isp] += amount
        if amount < customer.package:
            record.outcome = "customer_partial"
            return
        record.outcome = "customer_paid"
        in_time = customer.due is not None and customer.due >= today
        start = customer.due if in_time and customer.due else today
        customer.day = (customer.day if in_time else 0) or start.day
        customer.due = month_later(start, customer.day)
        record.line = "open" if customer.router else None

    def customer_template(self, trans_id: str) -> str:
        """What is true to tell the customer about a payment now."""
        record = self.payments[trans_id]
        if record.outcome == "customer_partial":
            return "customer_partial"
        if record.was_given_up or record.line is None:
            return "customer_unassigned_line"
        return {"open": "customer_waiting", "done": "customer_connected"}[record.line]


def plain(reference: str) -> str:
    return "".join(letter for letter in reference if not letter.isspace()).upper()


def month_later(start: date, day: int) -> date:
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return date(year, month, min(day, monthrange(year, month)[1]))
