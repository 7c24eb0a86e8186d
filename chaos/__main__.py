"""`python -m chaos`: runs the scenarios and prints one JSON line for each; exits with 1 if anything did not hold.

Several lanes are processes side by side, each with a MySQL of its own: most of a scenario is waiting for restarts. What
measures time runs alone after them.
"""

import argparse
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from chaos.background import Background
from chaos.mysqld import Mysqld, NoDocker
from chaos.run import Run, tell
from chaos.scenarios import (
    controls,
    dead_router,
    held_door,
    held_row,
    junk_in_spool,
    kills,
    lost_commits,
    midnight,
    read_only,
    repeats,
    rolling,
    sms_faults,
    spool,
    stale_leases,
)
from chaos.scenarios.scenario import Form, Scenario

SCENARIOS: dict[str, Scenario] = {
    **kills.SCENARIOS,
    **lost_commits.SCENARIOS,
    **spool.SCENARIOS,
    **repeats.SCENARIOS,
    **stale_leases.SCENARIOS,
    **dead_router.SCENARIOS,
    **held_door.SCENARIOS,
    **held_row.SCENARIOS,
    **read_only.SCENARIOS,
    **junk_in_spool.SCENARIOS,
    **midnight.SCENARIOS,
    **sms_faults.SCENARIOS,
    **rolling.SCENARIOS,
    **controls.SCENARIOS,
}

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run what was asked for."""
    options = _arguments()
    names = [name for name in SCENARIOS if not options.scenario or name in options.scenario]
    if options.lanes > 1 and len(names) > 1:
        beside = [name for name in names if not SCENARIOS[name].alone]
        alone = [name for name in names if SCENARIOS[name].alone]
        held = all([_run_lanes(options, beside), not alone or _run_here(options, alone)])
        tell(f"\n{'everything held' if held else 'NOT everything held'}; {len(names)} scenarios, seed {options.seed}")
    else:
        held = _run_here(options, names)
    return 0 if held else 1


def _run_lanes(options: argparse.Namespace, names: list[str]) -> bool:
    """Each lane takes every so many-th scenario; whether all lanes held."""
    form = ["--quick"] if options.quick else []
    lanes = [
        subprocess.Popen([
            *(sys.executable, "-m", "chaos", *form, "--seed", str(options.seed)),
            *(word for name in names[lane :: options.lanes] for word in ("--scenario", name)),
        ])
        for lane in range(min(options.lanes, len(names)))
    ]  # fmt: skip
    try:
        codes = [lane.wait() for lane in lanes]
    except BaseException:
        for lane in lanes:  # they clean up after themselves
            lane.send_signal(signal.SIGTERM)
        for lane in lanes:
            lane.wait()
        raise
    return not any(codes)


def _run_here(options: argparse.Namespace, names: list[str]) -> bool:
    """One scenario after the other on one MySQL; whether all held. What broke leaves its logs behind."""
    state = Path(tempfile.mkdtemp(prefix="rejesha-chaos-"))
    background = Background()
    try:
        with Mysqld(f"rejesha-chaos-{secrets.token_hex(4)}") as mysqld:
            runs = [Run(name, SCENARIOS[name], Form(options.quick), options.seed) for name in names]
            results = [run.carry_out(mysqld, background, state) for run in runs]
    except NoDocker as error:
        tell(f"chaos needs a Docker engine: {error}")
        return False
    finally:
        background.close()
    if all(results):
        shutil.rmtree(state)
    else:
        tell(f"logs and the sender's own log: {state}")
    return all(results)


def _stop(*_: object) -> None:
    """End by way of every clean-up; told again meanwhile, go on cleaning up."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Break the running system and check it.")
    parser.add_argument("--quick", action="store_true", help="small numbers, for CI")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one; repeat it")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: a new one")
    parser.add_argument("--lanes", type=int, default=1, help="how many at the same time (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    for number in _STOPPING:
        signal.signal(number, _stop)
    sys.exit(main())
