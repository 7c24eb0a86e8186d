"""Shows and changes policies; each change is kept among those of the ISP's or customer's record."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from servicekit.database import transact
from servicekit.moments import current_time
from servicekit.writes import together
from sqlalchemy import Connection, Engine

from billing.accounts import store as accounts
from billing.accounts.errors import CustomerNotFound, IspNotFound
from billing.changes import store as changes
from billing.changes.rules import Author, FieldChange, Noun
from billing.payments.rules import normalise
from billing.policies import fields, rules, store
from billing.policies.errors import InvalidPolicy
from billing.policies.rules import Fields, LinePolicy, OffWay, Source, Value
from billing.policy_changes import store as policy_changes


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose policy: an ISP's, or a customer's by id or, where that is 0, by account."""

    noun: Noun
    noun_id: int = 0
    account: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose policy it is, and the fields that hold there: the ISP's, and a customer's own."""

    noun: Noun
    noun_id: int
    of_isp: Fields
    of_customer: Fields

    @property
    def own(self) -> Fields:
        return self.of_isp if self.noun is Noun.ISP else self.of_customer

    def having(self, own: Fields) -> "Owner":
        """With other fields of its own."""
        of_isp, of_customer = (own, self.of_customer) if self.noun is Noun.ISP else (self.of_isp, own)
        return Owner(self.noun, self.noun_id, of_isp, of_customer)

    @property
    def policy(self) -> LinePolicy:
        return rules.effective(self.of_isp, self.of_customer)

    @property
    def sources(self) -> Mapping[str, Source]:
        return rules.sources(self.of_isp, self.of_customer)


def get(engine: Engine, asked: Asked) -> Owner:
    """What holds for an ISP or a customer. Raises IspNotFound, CustomerNotFound."""
    return transact(engine, lambda connection: _owner(connection, asked))


def change(
    engine: Engine,
    asked: Asked,
    wanted: Mapping[str, str],
    unset: Collection[str],
    author: Author,
    *,
    validate_only: bool = False,
) -> tuple[Owner, list[FieldChange]]:
    """Set the `wanted` fields and take the `unset` ones back; answers what holds then, and what is changed.

    Raises InvalidPolicy, IspNotFound, CustomerNotFound.
    """
    return transact(
        engine, lambda connection: put(connection, asked, wanted, unset, author, validate_only=validate_only)
    )


def put(
    connection: Connection,
    asked: Asked,
    wanted: Mapping[str, str],
    unset: Collection[str],
    author: Author,
    *,
    validate_only: bool = False,
) -> tuple[Owner, list[FieldChange]]:
    """The same in a transaction that is the caller's."""
    values = _read(wanted, unset)
    accounts.lock_accounts(connection)
    before = _owner(connection, asked)
    kept = {name: value for name, value in before.own.items() if name not in unset}
    after = _leaving_list(before, before.having({**kept, **values}), wanted)
    for fault in rules.contradictions(after.policy):
        raise InvalidPolicy(fault)
    made = _changes(before.own, after.own)
    if made and not validate_only:
        _write(connection, after, made, author)
    return after, list(made.values())


def _leaving_list(before: Owner, after: Owner, wanted: Collection[str]) -> Owner:
    """With the list that was "off" until now on record: lines that are on it leave it when they are paid for."""
    left = before.policy.off
    if left.way is not OffWay.ADDRESS_LIST or after.policy.off == left or "former_list" in wanted:
        return after
    return after.having({**after.own, "former_list": left.name})


def _read(wanted: Mapping[str, str], unset: Collection[str]) -> dict[str, Value]:
    if not wanted and not unset:
        raise InvalidPolicy("say which fields are to be set or unset")
    for name in unset:
        if name not in fields.READERS:
            raise InvalidPolicy(fields.no_such_field(name))
        if name in wanted:
            raise InvalidPolicy(f"{name}: either set or unset")
    try:
        return {name: fields.read(name, text) for name, text in wanted.items()}
    except ValueError as error:
        raise InvalidPolicy(str(error)) from error


def _owner(connection: Connection, asked: Asked) -> Owner:
    if asked.noun is Noun.ISP:
        if not accounts.find_isp_ids(connection, {asked.noun_id}):
            raise IspNotFound(f"there is no ISP {asked.noun_id}")
        of_isps, _ = store.find(connection, {asked.noun_id}, ())
        return Owner(Noun.ISP, asked.noun_id, of_isps.get(asked.noun_id, {}), {})
    found = accounts.stored_customers(connection, normalise(asked.account), asked.noun_id)
    if not found:
        raise CustomerNotFound(f"no customer {asked.noun_id or asked.account}")
    customer = min((one.customer for one in found), key=lambda one: one.closed)
    of_isps, of_customers = store.find(connection, {customer.isp_id or 0}, {customer.customer_id})
    own = of_customers.get(customer.customer_id, {})
    return Owner(Noun.CUSTOMER, customer.customer_id, of_isps.get(customer.isp_id or 0, {}), own)


def _changes(before: Fields, after: Fields) -> dict[str, FieldChange]:
    """By the field's name; an empty text for what is not set."""
    was = {name: fields.write(value) for name, value in before.items()}
    becomes = {name: fields.write(value) for name, value in after.items()}
    return {
        name: FieldChange(f"policy.{name}", was.get(name, ""), becomes.get(name, ""))
        for name in fields.READERS
        if was.get(name) != becomes.get(name)
    }


def _write(connection: Connection, owner: Owner, made: Mapping[str, FieldChange], author: Author) -> None:
    store.delete(connection, owner.noun, owner.noun_id, made)
    now = current_time(connection)
    with together(connection) as writes:
        set_now = {name: one.after for name, one in made.items() if name in owner.own}
        store.insert(writes, owner.noun, owner.noun_id, set_now)
        changes.insert(writes, owner.noun, owner.noun_id, list(made.values()), author, now)
        policy_changes.insert(writes, owner.noun, owner.noun_id, made, now)
