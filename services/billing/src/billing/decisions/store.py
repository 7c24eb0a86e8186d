"""Queries on what was decided. A field of a later release, or one that cannot be read, counts as not set."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.packages.tables import packages
from billing.payees.rules import Customer
from billing.policies import fields, rules
from billing.policies.rules import Fields, LinePolicy, Value
from billing.schema import line_policies, pppoe_users

Found = tuple[Mapping[int, Fields], Mapping[int, Fields]]

log = structlog.get_logger()

_p, _u = line_policies.c, pppoe_users.c
_DECIDED = (
    sa.select(_p.noun, _p.noun_id, _p.field, _p.value, _u.isp_id)
    .outerjoin(pppoe_users, sa.and_(_p.noun == Noun.CUSTOMER, _u.id == _p.noun_id))
    .where(_p.field.in_(sa.bindparam("names", expanding=True)))
)
_PACKAGE = "package"
# As rows of policies: the profiles that the packages of these customers' lines have.
_THEIRS = sa.and_(packages.c.isp_id == _u.isp_id, packages.c.name == _u.line_package, packages.c.profile != "")
OF_PACKAGES = (
    sa.select(sa.literal(_PACKAGE).label("noun"), _u.id.label("noun_id"), sa.literal("profile"), packages.c.profile)
    .join_from(pppoe_users, packages, _THEIRS)
    .where(_u.id.in_(sa.bindparam("customer_ids", expanding=True)))
)
_DECIDED_FOR = sa.union_all(_DECIDED, OF_PACKAGES.add_columns(_u.isp_id))


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


def decided(connection: Connection, names: Collection[str], customer_ids: Collection[int] = ()) -> Decided:
    """What was decided on these fields, by all ISPs and for all customers, and by the packages of some; one query."""
    values = {"names": list(names)} | ({"customer_ids": sorted(customer_ids)} if customer_ids else {})
    rows = connection.execute(_DECIDED_FOR if customer_ids else _DECIDED, values).all()
    of_isps, of_customers = _read(rows)
    theirs = {row.noun_id: of_isps.get(row.isp_id, {}) for row in rows if row.noun != Noun.ISP}
    return Decided(
        {one: rules.effective(own, {}) for one, own in of_isps.items()},
        {one: rules.effective(theirs[one], own) for one, own in of_customers.items()},
    )


def find(connection: Connection, query: sa.Executable, values: Mapping[str, list[int]]) -> Found:
    """What the rows of a query for them say of ISPs and customers, by id; a package's word counts before their own."""
    return _read(connection.execute(query, values).all())


def _read(rows: Iterable[Any]) -> Found:
    found: dict[str, dict[int, dict[str, Value]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        try:
            found[row.noun][row.noun_id][row.field] = fields.read(row.field, row.value)
        except ValueError as error:
            log.warning("policy_field_ignored", noun=row.noun, noun_id=row.noun_id, fault=str(error))
    for customer_id, values in found[_PACKAGE].items():
        found[Noun.CUSTOMER][customer_id] |= values
    return found[Noun.ISP], found[Noun.CUSTOMER]
