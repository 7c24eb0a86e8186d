"""`python -m benchmarks.load`: a plan as JSON on the input, what came of it as JSON on the output."""

import json
import sys
from dataclasses import asdict

import uvloop

from benchmarks.load.generator import Generator, allow_many_connections
from benchmarks.load.plan import Answers, Load


async def _run(load: Load) -> Answers:
    return await Generator(load).run()


def main() -> None:
    allow_many_connections()
    load = Load(**json.load(sys.stdin))
    json.dump(asdict(uvloop.run(_run(load))), sys.stdout)


if __name__ == "__main__":
    main()
