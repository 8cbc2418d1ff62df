"""Each flag of each subcommand is given what it must not have: one line, and no work is done.

A value that is refused ends with status 1 or 2. Where one may be had, the command ends
with status 1, too, since the model, the recordings or the run that it is given do not exist.
"""

import argparse
import importlib
import math

import pytest

from sopilib.commands import main as program
from sopilib.commands.main import COMMANDS, main

NOT_THERE = "/dev/null/no"  # where nobody can make it
# what each subcommand needs beside the flag in question
NEEDED = {
    "generate": ["--ckpt_dir", NOT_THERE, "--output_path", f"{NOT_THERE}/x.wav"],
    "album": ["--ckpt_dir", NOT_THERE, "--out", f"{NOT_THERE}/x"],
    "sweep": ["--ckpt_dir", NOT_THERE, "--temperature", "1"],
    "radio": ["--ckpt_dir", NOT_THERE, "--out", f"{NOT_THERE}/x.wav"],
    "score": ["--ckpt_dir", NOT_THERE, f"{NOT_THERE}.wav"],
    "info": ["--ckpt_dir", NOT_THERE],
    "set-rate": [NOT_THERE, "16000"],
    "export": ["--ckpt_dir", NOT_THERE, "--output_dir", NOT_THERE],
    "chunk": ["--input", NOT_THERE, "--output_dir", NOT_THERE],
    "train": ["--data_dir", NOT_THERE, "--logdir_root", NOT_THERE],
    "tune": ["--data_dir", NOT_THERE, "--logdir_root", NOT_THERE],
    "report": [NOT_THERE],
    "audition": [NOT_THERE, "--data_dir", NOT_THERE],
    "match": [NOT_THERE, "--data_dir", NOT_THERE],
    "bench": ["--ckpt_dir", NOT_THERE],
    "share": [NOT_THERE],
    "install": [NOT_THERE],
}
# these start Pd, check the installation or list what is there, and have no flag with a number
NOT_RUN = {"play", "demo", "doctor", "models"}
# of flags with numbers: no number, or none that any quantity has
NEVER = ["nan", "inf", "-inf", "1e308", "text", ""]
# numbers, some of which a flag may have, and texts that are no name
SOME = ["-1", "0", str(10**30), "9" * 5000, "1e-400", "~nobody", "x" * 300]


def actions(command):
    """Return the arguments of a subcommand that take a value."""
    parser = argparse.ArgumentParser()
    importlib.import_module(f"sopilib.commands.{command.replace('-', '_')}").add_arguments(parser)
    return [action for action in parser._actions if action.nargs != 0]


CASES = [
    (command, action)
    for command in COMMANDS
    if command not in NOT_RUN
    for action in actions(command)
]
NAMES = [f"{command} {action.option_strings[:1] or action.dest}" for command, action in CASES]


def is_number(action):
    default = action.default if not isinstance(action.default, list) else action.default[0]
    return action.metavar in ("N", "HZ", "S", "MS", "T", "PART", "DBFS", "EPOCHS") or (
        isinstance(default, (int, float)) and not isinstance(default, bool)
    )


def words(command, action, value):
    """Return the command line with `value` for `action`, each of its values if it has several."""
    needed = list(NEEDED[command])
    if not action.option_strings:
        place = 1 if action.dest in ("rate", "files") else 0
        needed[place if command == "set-rate" else needed.index(_positional(command))] = value
        return [command, *needed] if not value.startswith("-") else [command, "--", *needed]
    flag = action.option_strings[0]
    if flag in needed:
        del needed[needed.index(flag) : needed.index(flag) + 2]
    if flag == "--input_file":
        del needed[:2]
    if flag == "--from":
        needed = []
    if isinstance(action.nargs, int):
        return [command, *needed, flag, *[value] * action.nargs]
    return [command, *needed, f"{flag}={value}"]


def _positional(command):
    return f"{NOT_THERE}.wav" if command == "score" else NOT_THERE


def run(capsys, line):
    """Return the exit status of a command line and what it printed on stderr."""
    try:
        status = main(line)
    except SystemExit as end:
        status = end.code
    return status, capsys.readouterr().err


@pytest.mark.parametrize("command, action", CASES, ids=NAMES)
def test_no_value_of_a_flag_is_answered_otherwise_than_in_one_line(
    command, action, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for value in [*NEVER, *SOME]:
        line = words(command, action, value)
        status, error = run(capsys, line)
        assert status in (1, 2), (line, status)
        assert error.startswith("samplernn") and error.endswith(")\n"), (line, error)
        assert error.count("\n") == 1 and len(error) < 500, (line, error)
        if value in NEVER and is_number(action) and "expected" not in error:
            flag = action.option_strings[0] if action.option_strings else action.dest
            assert value in error or f"{float(value):g}" in error, (line, error)
            assert flag in error or action.dest in error or "temperature" in error, (line, error)
    assert list(tmp_path.iterdir()) == []


def test_every_subcommand_is_here():
    assert set(NEEDED) | NOT_RUN == set(COMMANDS)
    assert sum(map(is_number, (action for _, action in CASES))) > 50
    assert program.COMMANDS is COMMANDS and math.isinf(float(NEVER[1]))
