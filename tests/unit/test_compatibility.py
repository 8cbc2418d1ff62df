"""docs/compatibility.md: each row of its tables has a test, and that test exists."""

import re

import pytest
from places import PROJECT

from sopilib.commands.main import main

TABLES = PROJECT / "docs" / "compatibility.md"
# rows that only refer to other places
UNTESTED = ("--device", "--silence_threshold")


def rows():
    """Return the cells of the rows of all tables, without their heads."""
    lines = [line for line in TABLES.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[-1] not in ("test", "---")]


def existing_tests():
    """Return the names of all test functions."""
    files = (PROJECT / "tests").rglob("test_*.py")
    return {
        name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }


def test_every_test_named_in_the_tables_exists():
    named = set(re.findall(r"`(test_\w+)`", TABLES.read_text()))
    assert len(named) > 30
    assert named - existing_tests() == set()


def test_every_row_has_three_cells_and_names_its_test():
    assert len(rows()) > 40
    for row in rows():
        assert len(row) == 3, row
        if not any(flag in row[0] for flag in UNTESTED):
            assert re.fullmatch(r"`test_\w+`", row[2]), row


@pytest.mark.parametrize(
    "command, heading",
    [
        ("chunk", "## PRiSM's `chunk_audio.py`"),
        ("train", "## PRiSM's `train.py`"),
        ("generate", "## PRiSM's `generate.py`"),
    ],
)
def test_prisms_flags_in_the_tables_are_flags_of_ours(command, heading, capsys):
    section = TABLES.read_text().split(heading)[1].split("\n## ")[0]
    firsts = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `--")]
    flags = [flag for cell in firsts for flag in re.findall(r"--[\w-]+", cell)]
    flags = [flag for flag in flags if flag not in UNTESTED and flag != "--verbose"]
    with pytest.raises(SystemExit):
        main([command, "--help"])
    helped = set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    assert flags
    assert set(flags) - helped == set()
