"""The demo data of a local run: kept out of a database in use, and without numbers where messages reach people."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from servicekit.rpc.errors import ServiceError

from deploy import demo
from deploy.demo import DemoRefused
from deploy.local import settings
from deploy.local.certificates import connected
from servicekit import engines

# Whoever has rows in one of these has a business.
_BUSINESS = ("isps", "pppoe_users", "paybill_payments", "isp_wallet", "routers")


def refuse_business(url: str) -> None:
    """Raise DemoRefused where a database is neither empty nor holds the demo's ISP alone."""
    engine = engines.create_engine(url)
    try:
        with engine.connect() as connection:
            used = _used_tables(connection)
    except sa.exc.DBAPIError:
        return  # whoever migrates next says what is wrong, and better
    finally:
        engine.dispose()
    if used:
        raise DemoRefused(
            f"{settings.DEMO}=true would put made-up ISPs and customers into a database that is in use"
            f" ({', '.join(used)} have rows): leave {settings.DEMO} out, or name an empty database."
        )


def _used_tables(connection: sa.Connection) -> list[str]:
    """Those that hold rows; none where the only ISP is the demo's."""
    there = sa.inspect(connection).get_table_names()
    rows: dict[str, sa.Select[Any]] = {
        name: sa.select(sa.literal_column("1")).select_from(sa.table(name)).limit(1) for name in _BUSINESS
    }
    used = [name for name in _BUSINESS if name in there and connection.execute(rows[name]).first()]
    if "isps" in used:
        query: sa.Select[Any] = sa.select(sa.literal_column("name")).select_from(sa.table("isps")).limit(2)
        return [] if list(connection.execute(query).scalars()) == [demo.ISP] else used
    return used


def create(values: Mapping[str, str]) -> None:
    """Create what is missing; running it again changes nothing. Raises DemoRefused."""
    # The numbers are made up, and may be somebody's.
    phones = not settings.reaches_people(values)
    router = demo.Router("127.0.0.1", int(values[settings.DEMO_ROUTER_PORT]))
    try:
        with connected(values, "router-control") as router_control, connected(values, "billing") as billing:
            demo.create(router_control, billing, router, phones=phones)
    except demo.OthersPhones as error:
        raise DemoRefused(f"{error}: name another {settings.STATE_DIRECTORY}, or {settings.DEMO}=false.") from error
    except ServiceError as error:
        raise DemoRefused(f"the demo data cannot be created: {error}; {settings.DEMO}=false leaves it out.") from error
