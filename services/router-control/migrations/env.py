"""Alembic's entry point."""

from router_control.routers import adoption
from servicekit.migrate import run_environment

run_environment(prepare=adoption.prepare)
