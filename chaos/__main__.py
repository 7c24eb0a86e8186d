"""`python -m chaos`: runs the scenarios and prints one JSON line for each; exits with 1 if anything did not hold."""

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from chaos.background import Background
from chaos.findings import Findings, Skipped
from chaos.mysqld import Mysqld, NoDocker
from chaos.scenarios import kills
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Stage

SCENARIOS: dict[str, Scenario] = {**kills.SCENARIOS}


def main() -> int:
    """Run what was asked for."""
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    names = [name for name in SCENARIOS if not options.scenario or name in options.scenario]
    state = Path(tempfile.mkdtemp(prefix="lipanet-chaos-"))
    background = Background()
    try:
        with Mysqld(f"lipanet-chaos-{secrets.token_hex(4)}") as mysqld:
            runs = [_Run(name, Form(options.quick), options.seed, state / name) for name in names]
            held = [run.carry_out(mysqld, background) for run in runs]
    except NoDocker as error:
        _tell(f"chaos needs a Docker engine: {error}")
        return 1
    finally:
        background.close()
    _tell(f"\n{held.count(True)} of {len(held)} held; seed {options.seed}")
    if all(held):
        shutil.rmtree(state)
        return 0
    _tell(f"logs and the sender's own log: {state}")
    return 1


class _Run:
    """One scenario with its seed and its directory."""

    def __init__(self, name: str, form: Form, seed: int, state: Path) -> None:
        self.name = name
        self.form = form
        self.seed = seed
        self.state = state
        self.scenario = SCENARIOS[name]

    def carry_out(self, mysqld: Mysqld, background: Background) -> bool:
        """Play it, tell what was found; whether everything held."""
        _tell(f"{self.name}: {self.scenario.fault} …")
        began = time.monotonic()
        try:
            plan = self.scenario.plan_for(self.form)
            with Stage(plan, mysqld, background, self.state, f"{self.seed}:{self.name}").running() as stage:
                findings = self.scenario.play(stage, self.form)
        except Skipped as why:
            self._print(began, held=True, skipped=str(why))
            _tell(f"  skipped: {why}")
            return True
        except Exception as error:  # noqa: BLE001  # one scenario's breakdown must not hide the others
            traceback.print_exc()
            findings = Findings(broken={"breakdown": f"{type(error).__name__}: {error}"})
        self._print(began, held=not findings.broken, broken=findings.broken, **findings.figures)
        for invariant, sentence in findings.broken.items():
            _tell(f"  BROKEN {invariant}: {sentence}")
        return not findings.broken

    def _print(self, began: float, **found: Any) -> None:
        form = "quick" if self.form.quick else "full"
        head = {"scenario": self.name, "seed": self.seed, "form": form, "seconds": round(time.monotonic() - began, 1)}
        sys.stdout.write(json.dumps(head | found) + "\n")
        sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Break the running system and check it.")
    parser.add_argument("--quick", action="store_true", help="small numbers, for CI")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only this one; repeat it")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: a new one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
