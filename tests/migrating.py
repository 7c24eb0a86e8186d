"""Migrations that are killed on their way."""

import subprocess
import sys
from pathlib import Path

# A fresh process a start, forked from one that has loaded everything; each dies of its first change of the schema.
_UNTIL_NOTHING_CHANGES = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from servicekit import engines, migrate

url, service, migrations = sys.argv[1:]

def die_of_a_change(connection, cursor, statement, *rest):
    if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "RENAME")):
        os.kill(os.getpid(), signal.SIGKILL)

for died in range(100):
    child = os.fork()
    if not child:
        engine = engines.create_engine(url)
        sa.event.listen(engine, "after_cursor_execute", die_of_a_change)
        migrate.upgrade(engine, service, Path(migrations))
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if ended != -signal.SIGKILL:
        print(died)
        sys.exit(ended)
sys.exit("it makes no headway")
"""


def migrate_killed_after_each_change(url: str, service: str, migrations: Path) -> int:
    """Start a migration again and again, killed after each change of the schema, until one ends; how many died."""
    command = (sys.executable, "-c", _UNTIL_NOTHING_CHANGES, url, service, str(migrations))
    ended = subprocess.run(command, check=False, timeout=120, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)
