"""Hands out routers that are due to be compared, each to one dispatcher; notes how that went, and tells it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from servicekit.database import transact
from servicekit.moments import current_time
from sqlalchemy import Connection, Engine

from billing.checks import rules, store
from billing.checks.rules import Check

# With the address lists by which lines are limited on a router.
Listed = tuple[Check, Sequence[str]]


def claim(engine: Engine, interval: timedelta) -> Listed | None:
    """A router that was compared longer ago than that, for the caller alone; None: there is none."""

    def work(connection: Connection) -> Listed | None:
        now, checks = current_time(connection), store.list_checks(connection)
        store.begin(connection, [one.router_id for one in checks if one.begin_time is None], now)
        for one in rules.due(checks, interval, now):
            if store.claim(connection, one.router_id, now, now - rules.CLAIM):
                return one, sorted(store.address_lists(connection).get(one.router_id, ()))
        return None

    return transact(engine, work)


def report(engine: Engine, check: Check) -> None:
    """Note how the comparison of a router went, whoever made it."""

    def work(connection: Connection) -> None:
        now = current_time(connection)
        known = {one.router_id: one.begin_time for one in store.list_checks(connection)}
        if known.get(check.router_id, now) is None:
            store.begin(connection, [check.router_id], now)
        store.report(connection, replace(check, report_time=now))

    transact(engine, work)


def list_checks(engine: Engine) -> list[Listed]:
    """How the last comparison of each router with lines went."""

    def work(connection: Connection) -> list[Listed]:
        lists = store.address_lists(connection)
        return [(one, sorted(lists.get(one.router_id, ()))) for one in store.list_checks(connection)]

    return transact(engine, work)
