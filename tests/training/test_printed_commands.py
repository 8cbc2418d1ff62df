"""`samplernn` accepts the flags and values of all commands in the documentation."""

import re
import shlex

import pytest
from places import PROJECT

from sopilib.commands.main import main

FOLDERS = ("docs", "models")
PAGES = sorted(
    [*PROJECT.glob("*.md"), *(page for name in FOLDERS for page in (PROJECT / name).rglob("*.md"))]
)


def printed_commands():
    """Yield the words of every whole `samplernn` command in a fenced block."""
    for page in PAGES:
        for block in re.findall(r"```\n(.+?)```", page.read_text(encoding="utf-8"), flags=re.S):
            for line in block.replace("\\\n", " ").splitlines():
                command = re.match(r"\s*(?:\.venv/bin/)?samplernn (.+)", line)
                if command and "..." not in command[1]:
                    words = shlex.split(command[1], comments=True)
                    yield words[: words.index("|")] if "|" in words else words


COMMANDS = {" ".join(words): words for words in printed_commands()}


def test_the_documentation_prints_commands():
    assert len(COMMANDS) > 20
    assert any(words[0] == "train" for words in COMMANDS.values())


@pytest.mark.parametrize("words", COMMANDS.values(), ids=list(COMMANDS))
def test_a_printed_command_is_understood(words, monkeypatch):
    taken = []
    module = f"sopilib.commands.{words[0].replace('-', '_')}"
    monkeypatch.setattr(f"{module}.run", lambda args: taken.append(args) or 0)
    assert main(words) == 0
    assert len(taken) == 1
