"""docs/operations.md, as whoever runs an installation reads it: its commands one after the other, as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from rejesha_cli.__main__ import main

from tests.system.running import eventually

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
pytestmark = pytest.mark.parametrize("running", ["sqlite"], indirect=True, scope="module")


def commands():
    """Each line of the blocks that say no language: a command, and what stands behind its #."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines() if not language else ():
            command, _, remark = line.partition("#")
            yield command.strip(), remark.strip()


@pytest.fixture
def run(running, monkeypatch, capsys, tmp_path):
    """Runs a command; its exit code and its answer."""
    for name, value in running.system.values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REJESHA_GATEWAY_URL", str(running.http.base_url))
    monkeypatch.chdir(tmp_path)

    def run(command):
        program, *words = shlex.split(command)
        assert program == "rejesha"
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out + err

    return run


def test_the_day_goes_as_it_is_told(run):
    told = list(commands())
    assert len(told) > 20
    for command, remark in told:
        expected = int(remark) if remark.isdigit() else 0
        said = remark.removeprefix("→ ").casefold() if remark.startswith("→") else ""
        last = {}

        def as_told(command=command, expected=expected, said=said, last=last):
            last["code"], last["said"] = run(command)
            return last["code"] == expected and said in last["said"].casefold()

        # What follows from a payment does so a moment later; only what reads may be asked again.
        reads = said or expected or command.split()[1] in {"status", "doctor"}
        wait = eventually if reads and "assign" not in command else (lambda check: check())
        assert wait(as_told), (command, last)
