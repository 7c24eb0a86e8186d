"""Runs a module as `python -m` does, and tells at each SIGUSR1 which of our functions ran since the last one.

`python -m recorder FILE MODULE`: FILE gets "path:first line" of each.
"""

import runpy
import signal
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Recorder:
    """Functions that were called, by the file and line where they begin."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._called: set[tuple[str, int]] = set()

    def note(self, frame, event, _argument) -> None:
        if event == "call":
            self._called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    def tell(self, *_signal) -> None:
        called, self._called = self._called, set()
        ours = sorted(f"{path}:{line}" for path, line in called if path.startswith(str(ROOT)))
        unfinished = self._report.with_suffix(".part")
        unfinished.write_text("\n".join(ours))
        unfinished.rename(self._report)


def main() -> None:
    report, module = sys.argv[1:]
    recorder = Recorder(Path(report))
    signal.signal(signal.SIGUSR1, recorder.tell)
    threading.setprofile(recorder.note)
    sys.setprofile(recorder.note)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
