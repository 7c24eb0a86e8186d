"""Queries on policies. A field of a later release, or one that cannot be read, counts as not set."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.packages.tables import packages
from billing.payees.rules import Customer
from billing.policies import fields, rules
from billing.policies.rules import Fields, Language, LinePolicy, Value
from billing.schema import line_policies, pppoe_users

log = structlog.get_logger()

_p = line_policies.c
_DECIDED = (
    sa.select(_p.noun, _p.noun_id, _p.field, _p.value, pppoe_users.c.isp_id)
    .outerjoin(pppoe_users, sa.and_(_p.noun == Noun.CUSTOMER, pppoe_users.c.id == _p.noun_id))
    .where(_p.field.in_(sa.bindparam("names", expanding=True)))
)
_customer_ids: sa.BindParameter[int] = sa.bindparam("customer_ids", expanding=True)
# The profiles of these customers' packages: what a package says counts before all else.
_OF_PACKAGE, _u = "package", pppoe_users.c
_PACKAGES = sa.and_(packages.c.isp_id == _u.isp_id, packages.c.name == _u.line_package, packages.c.profile != "")
_DECIDED_FOR = sa.union_all(
    _DECIDED,
    sa.select(sa.literal(_OF_PACKAGE), _u.id, sa.literal("profile"), packages.c.profile, _u.isp_id)
    .join_from(pppoe_users, packages, _PACKAGES)
    .where(_u.id.in_(_customer_ids)),
)
_ids: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
# From the policies to the customers: where there are none, as in most installations, nothing else is read.
_LANGUAGES = sa.union_all(
    sa.select(pppoe_users.c.id, _p.value, sa.literal(0).label("own"))
    .join_from(line_policies, pppoe_users, pppoe_users.c.isp_id == _p.noun_id)
    .where(_p.noun == Noun.ISP, _p.field == "language", pppoe_users.c.id.in_(_ids)),
    sa.select(_p.noun_id, _p.value, sa.literal(1)).where(
        _p.noun == Noun.CUSTOMER, _p.field == "language", _p.noun_id.in_(_ids)
    ),
).order_by("own")
_FIND = sa.select(_p.noun, _p.noun_id, _p.field, _p.value).where(
    sa.or_(
        sa.and_(_p.noun == Noun.ISP, _p.noun_id.in_(sa.bindparam("isp_ids", expanding=True))),
        sa.and_(_p.noun == Noun.CUSTOMER, _p.noun_id.in_(_customer_ids)),
    )
)
_FIND_WITH_PACKAGES = sa.union_all(
    _FIND,
    sa.select(sa.literal(_OF_PACKAGE), _u.id, sa.literal("profile"), packages.c.profile)
    .join_from(pppoe_users, packages, _PACKAGES)
    .where(_u.id.in_(_customer_ids)),
)


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided on some fields: what holds for the customers of the ISPs that set one, by the ISP's id, and for
    the customers for whom one was set, by theirs. The policies' other fields are the default's.
    """

    isps: Mapping[int, LinePolicy]
    customers: Mapping[int, LinePolicy]

    def of(self, customer: Customer) -> LinePolicy:
        """What holds for a customer."""
        of_isp = self.isps.get(customer.isp_id or 0, LinePolicy())
        return self.customers.get(customer.customer_id, of_isp)


def of_customers(connection: Connection, customers: Collection[Customer]) -> Mapping[int, LinePolicy]:
    """What holds for each of these customers, by id: its package's profile, its own fields, else its ISP's, else the
    default; one query.
    """
    isp_ids = {one.isp_id for one in customers if one.isp_id}
    values = {"isp_ids": sorted(isp_ids), "customer_ids": sorted(one.customer_id for one in customers)}
    of_isps, of_them = _read(connection.execute(_FIND_WITH_PACKAGES, values).all())
    return {
        one.customer_id: rules.effective(of_isps.get(one.isp_id or 0, {}), of_them.get(one.customer_id, {}))
        for one in customers
    }


def find(
    connection: Connection, isp_ids: Collection[int], customer_ids: Collection[int]
) -> tuple[Mapping[int, Fields], Mapping[int, Fields]]:
    """The fields that these ISPs, and these customers, have set, by id."""
    values = {"isp_ids": sorted(isp_ids), "customer_ids": sorted(customer_ids)}
    return _read(connection.execute(_FIND, values).all())


def decided(connection: Connection, names: Collection[str], customer_ids: Collection[int] = ()) -> Decided:
    """What was decided on these fields, by all ISPs and for all customers, and by the packages of some; one query."""
    values = {"names": list(names)} | ({"customer_ids": sorted(customer_ids)} if customer_ids else {})
    rows = connection.execute(_DECIDED_FOR if customer_ids else _DECIDED, values).all()
    of_isps, of_customers_ = _read(rows)
    theirs = {row.noun_id: of_isps.get(row.isp_id, {}) for row in rows if row.noun != Noun.ISP}
    return Decided(
        {one: rules.effective(own, {}) for one, own in of_isps.items()},
        {one: rules.effective(theirs[one], own) for one, own in of_customers_.items()},
    )


def languages(connection: Connection, customer_ids: Collection[int]) -> Mapping[int | None, Language]:
    """The languages of those of these customers for whom one was decided: their own decision, else their ISP's."""
    if not customer_ids:
        return {}
    rows = connection.execute(_LANGUAGES, {"ids": sorted(customer_ids)})
    return {row.id: Language(row.value) for row in rows if row.value in list(Language)}


def _read(rows: Iterable[Any]) -> tuple[Mapping[int, Fields], Mapping[int, Fields]]:
    found: dict[str, dict[int, dict[str, Value]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        try:
            found[row.noun][row.noun_id][row.field] = fields.read(row.field, row.value)
        except ValueError as error:
            log.warning("policy_field_ignored", noun=row.noun, noun_id=row.noun_id, fault=str(error))
    for customer_id, values in found[_OF_PACKAGE].items():
        found[Noun.CUSTOMER][customer_id] |= values
    return found[Noun.ISP], found[Noun.CUSTOMER]


def delete(connection: Connection, noun: Noun, noun_id: int, names: Iterable[str]) -> None:
    """Take fields back."""
    theirs = _p.noun == noun, _p.noun_id == noun_id, _p.field.in_(names)
    connection.execute(sa.delete(line_policies).where(*theirs))


def insert(writes: Writes, noun: Noun, noun_id: int, values: Mapping[str, str]) -> None:
    """Set fields that are not set, as text."""
    rows = [{"noun": noun, "noun_id": noun_id, "field": name, "value": text} for name, text in values.items()]
    writes.insert(line_policies, rows)
