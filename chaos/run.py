"""One scenario from its start to its JSON line."""

import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.background import Background
from chaos.findings import Findings, Skipped
from chaos.mysqld import Mysqld
from chaos.scenarios.scenario import Form, Scenario
from chaos.stage import Stage


@dataclass(frozen=True)
class Run:
    """A scenario with its form and its seed."""

    name: str
    scenario: Scenario
    form: Form
    seed: int

    def carry_out(self, mysqld: Mysqld, background: Background, state: Path) -> bool:
        """Play it and print what was found; whether everything held. `state`: where its directory is made."""
        tell(f"{self.name}: {self.scenario.fault} …")
        began = time.monotonic()
        try:
            findings = self._play(mysqld, background, state / self.name)
        except Skipped as why:
            self._print(began, skipped=str(why))
            tell(f"{self.name}: skipped: {why}")
            return True
        except Exception as error:  # noqa: BLE001  # one scenario's breakdown must not hide the others
            traceback.print_exc()
            mysqld.recover()
            findings = Findings(broken={"breakdown": f"{type(error).__name__}: {error}"})
        held = not findings.broken
        self._print(began, held=held, broken=findings.broken, **findings.figures)
        seconds = time.monotonic() - began
        tell("\n".join([f"{self.name}: {'held' if held else 'BROKEN'}, {seconds:.0f} s", *_sentences(findings)]))
        return held

    def _play(self, mysqld: Mysqld, background: Background, state: Path) -> Findings:
        seed = f"{self.seed}:{self.name}"
        with Stage(self.scenario.plan_for(self.form), mysqld, background, state, seed).running() as stage:
            return self.scenario.play(stage, self.form)

    def _print(self, began: float, **found: Any) -> None:
        form = "quick" if self.form.quick else "full"
        head = {"scenario": self.name, "seed": self.seed, "form": form, "seconds": round(time.monotonic() - began, 1)}
        sys.stdout.write(json.dumps(head | found) + "\n")
        sys.stdout.flush()


def _sentences(findings: Findings) -> list[str]:
    return [f"  {invariant}: {sentence}" for invariant, sentence in findings.broken.items()]


def tell(text: str) -> None:
    """Say it to the person who watches."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
