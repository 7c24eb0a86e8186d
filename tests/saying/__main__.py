"""`python -m saying <end>`: says what a program finds, then ends in one of the ways in which programs end."""

import atexit
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path


def found() -> dict[str, object]:
    """What a program finds that was started by another."""
    path = [str(Path(folder).resolve()) for folder in sys.path]
    files = sorted(file.name for file in Path("/proc/self/fd").iterdir())
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    return {
        "arguments": sys.argv,
        "environment": dict(os.environ),
        "directory": str(Path.cwd()),
        "path": path,
        "name": __name__,
        "is main": sys.modules["__main__"].__dict__ is globals(),
        "threads": threading.active_count(),
        "files": files[:-1],  # less the one with which they are read
        "parent": os.getppid(),
        "session": os.getsid(0) == os.getpid(),
        "group": os.getpgrp() == os.getpid(),
        "buffers": [(one.line_buffering, one.encoding, one.errors) for one in (sys.stdout, sys.stderr, sys.stdin)],
        "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        **{name: status[name] for name in ("Umask", "SigBlk", "SigIgn", "SigCgt", "Threads", "CapEff", "Seccomp")},
    }


def main() -> None:
    atexit.register(print, "at the exit")
    sys.stdout.write(f"{json.dumps(found())}\n")
    match sys.argv[1:]:
        case ["draws"]:
            sys.stdout.write(f"{random.random()}\n")
        case ["fails"]:
            raise LookupError("nothing was found")
        case ["speaks"]:
            sys.exit("a last word")
        case ["waits", *_]:
            sys.stdout.flush()
            signal.pause()
        case [code]:
            sys.exit(int(code))


if __name__ == "__main__":
    main()
