"""What the documents say of commands: each one that they name is there, and each one that is there is named."""

import re
from pathlib import Path

import click
import pytest
from rejesha_cli.__main__ import COMMANDS, load

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for glob in ("*.md", "docs/*.md", "*/README.md", "*/*/README.md") for path in ROOT.glob(glob))


def leaves():
    """All commands by their words, such as "status" and "payment show"."""
    for word in COMMANDS:
        command = load(word)
        subcommands = command.commands if isinstance(command, click.Group) else {"": command}
        yield from ((f"{word} {name}".strip(), one) for name, one in subcommands.items())


KNOWN = dict(leaves())


def command_lines(text):
    """What stands behind "rejesha" in the text and in its blocks, without the remarks."""
    told = re.findall(r"`rejesha ([a-z][^`]*)`", text)
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        told += re.findall(r"^(?:\$ )?(?:\S*bin/|.* run --rm )?rejesha ([a-z].*)", block, re.MULTILINE)
    return [re.split(r" #|  # | \| ", line)[0] for line in told]


def named(line):
    """The command of a line, if it names a whole one."""
    return next((name for name in (" ".join(line.split()[:2]), line.split()[0]) if name in KNOWN), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_only_commands_and_options_that_are_there(document):
    for line in command_lines(document.read_text()):
        name = named(line)
        assert name or line in COMMANDS, line
        options = {option for one in KNOWN[name].params for option in (*one.opts, *one.secondary_opts)} if name else ()
        quoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
        assert set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", quoted)) <= {*options, "--help"}, line


def told_in_the_table():
    """`isp add`, `list` and so on, as the table of tasks has them: a word by itself belongs to the noun before it."""
    for cell in re.findall(r"^\| .* \| (.*) \|$", (ROOT / "cli/README.md").read_text(), re.MULTILINE):
        noun = ""
        for span in re.findall(r"`([^`]+)`", cell):
            word = span.split()[0]
            if f"{noun} {word}" not in KNOWN and word in COMMANDS:
                noun = word
            yield f"{noun} {word}" if f"{noun} {word}" in KNOWN else named(span)


def test_the_command_s_readme_names_each_command():
    assert KNOWN.keys() - set(told_in_the_table()) == set()
