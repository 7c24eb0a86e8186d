"""The proxy lets strangers spend its own sockets: payments go through meanwhile."""

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.running import image, new_id

ATTACKER = Path(__file__).with_name("attacker.py")
# Longer than the proxy waits for a head.
SECONDS = 18


@contextmanager
def attacked(installation):
    """Strangers at the door; afterwards yields how many of their connections were ended, by kind."""
    network = f"{installation.environment['COMPOSE_PROJECT_NAME']}_front"
    command = ["docker", "run", "--rm", "--interactive", "--network", network, "--entrypoint", "python"]
    with subprocess.Popen(
        [*command, image("command"), "-", str(SECONDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attacker:
        attacker.stdin.write(ATTACKER.read_text())
        attacker.stdin.close()
        assert attacker.stdout.readline() == "attacking\n"
        yield attacker
        assert attacker.wait(60) == 0


def test_a_payment_goes_through_while_strangers_crowd_the_door(installation):
    ids, statuses = [], []
    with attacked(installation) as attacker:
        while attacker.poll() is None and len(ids) < 30:
            ids.append(new_id())
            statuses.append(installation.pay("ACC001", ids[-1]).status_code)
            installation.http.close()
            del installation.__dict__["http"]  # each payment has a connection of its own
        ended = json.loads(attacker.stdout.readline())
    assert set(statuses) == {200}
    assert set(ids) <= installation.recorded()
    assert all(ended.get(kind) for kind in ("idle", "slow head", "endless head", "endless body", "endless chunks")), (
        ended
    )


def test_the_caller_s_address_reaches_the_gateway_and_cannot_be_made_up(installation):
    trans_id = installation.pay("ACC001", **{"X-Forwarded-For": "196.201.214.1"}).json()["transactionId"]
    timeline = json.dumps(installation.told(trans_id)["timeline"])
    assert f"arrived from {installation.environment['REJESHA_FRONT']}." in timeline
    assert "196.201.214.1" not in timeline
