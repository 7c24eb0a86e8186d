"""Brings the rebuilt predecessor up beside us: its schema with customers, the router service it calls, and itself."""

import os
import subprocess
from pathlib import Path

from benchmarks.child import Child
from benchmarks.mysql_server import MySqlServer
from deploy.local.processes import answering

HERE = Path(__file__).parent
SCHEMA = "predecessor"
# Each payment holds one connection and needs a second for its log, so a pool larger than the payments in flight
# cannot deadlock. There are two servers, and MySQL's default allows 151 connections in all.
POOL_SIZE = 50
MAX_CONNECTIONS = 32


def install() -> None:
    """Fetch its pinned packages, unless they are there."""
    if not (HERE / "node_modules" / "express").exists():
        subprocess.run(["npm", "ci", "--silent", "--no-fund", "--no-audit"], cwd=HERE, check=True)


class Predecessor:
    """Two servers, with its four messages and without: the published code has sending commented out.

    `sms_api` is the provider's address, the same that we send to.
    """

    def __init__(self, mysql: MySqlServer, logs: Path, ports: tuple[int, int, int], sms_api: str) -> None:
        self.mysql = mysql
        self.port, self.port_with_sms, router_api = ports
        self._router_api = _node("router-api", logs, router_api, {})
        given = {
            "DATABASE_URL": mysql.node_url(SCHEMA),
            "POOL_SIZE": str(POOL_SIZE),
            "ROUTER_API": f"http://127.0.0.1:{router_api}",
            "SMS_API": sms_api,
            "ADMIN_PHONES": "254700000001,254700000002",
        }
        self.server = _node("server", logs, self.port, given | {"SENDS_SMS": "false"})
        self._server_with_sms = _node("server", logs, self.port_with_sms, given | {"SENDS_SMS": "true"})

    def start(self, customers: int) -> None:
        """Make its schema with so many customers of one ISP, and start."""
        install()
        self.mysql.create(SCHEMA, HERE / "schema.sql")
        self.mysql.query(SCHEMA, "INSERT INTO isps (name, contact_phone) VALUES ('Hot', '254711000001')")
        self.mysql.query(SCHEMA, "INSERT INTO isp_wallet (isp_id, balance) VALUES (1, 0)")
        self.mysql.query(SCHEMA, "INSERT INTO routers (router_name, local_ip) VALUES ('Tower', '127.0.0.1')")
        with self.mysql.connect(SCHEMA) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO pppoe_users (full_name, username, account_name, amount, router_id, isp_id, status, phone)"
                " VALUES (%s, %s, %s, 1000, 1, 1, 'inactive', %s)",
                [(f"Customer {n}", f"{n:04d}HW", f"{n:04d}HW", f"25471{n:07d}") for n in range(customers)],
            )
        for child, path in ((self._router_api, "health"), (self.server, "health"), (self._server_with_sms, "health")):
            child.start(answering(f"http://127.0.0.1:{child.port}/{path}"))

    def stop(self) -> None:
        for child in (self.server, self._server_with_sms, self._router_api):
            child.stop()


def _node(script: str, logs: Path, port: int, given: dict[str, str]) -> Child:
    environment = {"PATH": os.environ["PATH"], "NODE_ENV": "production", "PORT": str(port)} | given
    return Child(["node", str(HERE / f"{script}.js")], environment, logs / f"predecessor-{script}-{port}.log", port)
