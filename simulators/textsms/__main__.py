"""`python -m simulators.textsms --port 8090` serves until Ctrl-C."""

import argparse
import sys
from pathlib import Path

from simulators.textsms.exchange import Account
from simulators.textsms.server import TextSmsSimulator


def main() -> None:
    given = _arguments()
    simulator = TextSmsSimulator(
        host=given.host,
        port=given.port,
        account=Account(given.api_key, given.partner_id, given.shortcode),
        state_file=given.state_file,
        credits_left=given.credits,
    )
    sys.stderr.write(f"TextSMS simulator at {simulator.url}, inbox at http://{simulator.host}:{simulator.port}/inbox\n")
    simulator.serve()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators.textsms", description="A TextSMS to try things on.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--state-file", type=Path, help="keep the inbox in this file")
    parser.add_argument("--api-key", default="", help="refuse any other")
    parser.add_argument("--partner-id", default="", help="refuse any other")
    parser.add_argument("--shortcode", default="", help="refuse any other")
    parser.add_argument("--credits", type=int, default=1_000_000, help="how many messages until 1004")
    return parser.parse_args()


if __name__ == "__main__":
    main()
