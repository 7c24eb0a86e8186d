"""Queries on policies. A field of a later release, or one that cannot be read, counts as not set."""

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa
from servicekit.writes import Writes
from sqlalchemy import Connection

from billing.changes.rules import Noun
from billing.decisions import store as decisions
from billing.payees.rules import Customer
from billing.policies import rules
from billing.policies.rules import Fields, Language, LinePolicy
from billing.schema import line_policies, pppoe_users

_p = line_policies.c
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
        sa.and_(_p.noun == Noun.CUSTOMER, _p.noun_id.in_(sa.bindparam("customer_ids", expanding=True))),
    )
)
_FIND_WITH_PACKAGES = sa.union_all(_FIND, decisions.OF_PACKAGES)


def of_customers(connection: Connection, customers: Collection[Customer]) -> Mapping[int, LinePolicy]:
    """What holds for each of these customers, by id: its package's profile, its own fields, else its ISP's, else the
    default; one query.
    """
    isp_ids = {one.isp_id for one in customers if one.isp_id}
    values = {"isp_ids": sorted(isp_ids), "customer_ids": sorted(one.customer_id for one in customers)}
    of_isps, of_them = decisions.find(connection, _FIND_WITH_PACKAGES, values)
    return {
        one.customer_id: rules.effective(of_isps.get(one.isp_id or 0, {}), of_them.get(one.customer_id, {}))
        for one in customers
    }


def find(
    connection: Connection, isp_ids: Collection[int], customer_ids: Collection[int]
) -> tuple[Mapping[int, Fields], Mapping[int, Fields]]:
    """The fields that these ISPs, and these customers, have set, by id."""
    values = {"isp_ids": sorted(isp_ids), "customer_ids": sorted(customer_ids)}
    return decisions.find(connection, _FIND, values)


def languages(connection: Connection, customer_ids: Collection[int]) -> Mapping[int | None, Language]:
    """The languages of those of these customers for whom one was decided: their own decision, else their ISP's."""
    if not customer_ids:
        return {}
    rows = connection.execute(_LANGUAGES, {"ids": sorted(customer_ids)})
    return {row.id: Language(row.value) for row in rows if row.value in list(Language)}


def delete(connection: Connection, noun: Noun, noun_id: int, names: Iterable[str]) -> None:
    """Take fields back."""
    theirs = _p.noun == noun, _p.noun_id == noun_id, _p.field.in_(names)
    connection.execute(sa.delete(line_policies).where(*theirs))


def insert(writes: Writes, noun: Noun, noun_id: int, values: Mapping[str, str]) -> None:
    """Set fields that are not set, as text."""
    rows = [{"noun": noun, "noun_id": noun_id, "field": name, "value": text} for name, text in values.items()]
    writes.insert(line_policies, rows)
