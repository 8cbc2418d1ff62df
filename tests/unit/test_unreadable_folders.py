"""Folders that the user may not read or write: one line that names them, whatever the command."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from exported_model import write_exported
from places import PROJECT

# Modes do not bind an administrator, who gives up the right to pass over them.
NO_RIGHTS = "-dac_override,-dac_read_search"
AS_A_USER = ["setpriv", f"--inh-caps={NO_RIGHTS}", f"--bounding-set={NO_RIGHTS}"]
EACH_COMMAND = """
import contextlib, io, json, sys
from sopilib.commands.main import main
results = []
for words in json.load(sys.stdin):
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = main(words)
        except BaseException as error:
            status = repr(error)
    results.append((status, printed.getvalue()))
print(json.dumps(results))
"""
# in place of LOCKED a folder that nobody may read, of FIXED a model that nobody may change, of
# MODEL a model
COMMANDS = [
    "info --ckpt_dir LOCKED",
    "generate --ckpt_dir LOCKED --output_path x.wav",
    "generate --ckpt_dir MODEL --dur 1 --output_path LOCKED/x.wav",
    "sweep --ckpt_dir MODEL --temperature 1 --dur 1 --output_dir LOCKED/x",
    "album --ckpt_dir MODEL --tracks 1 --out LOCKED/x",
    "radio --ckpt_dir MODEL --out LOCKED/x.wav",
    "install LOCKED",
    "share LOCKED",
    "share MODEL --output_path LOCKED/x.zip",
    "set-rate LOCKED 16000",
    "report LOCKED",
    "audition LOCKED --data_dir MODEL",
    "match LOCKED --data_dir MODEL",
    "match FIXED --data_dir MODEL",  # before it reads the recordings, which are none
    "set-rate FIXED 22050",
    "chunk --input LOCKED --output_dir x",
    "export --ckpt_dir LOCKED --output_dir x",
    "bench --ckpt_dir LOCKED",
]


def run_all(commands, folder):
    """Return (status, stderr) of each command, all run in one process in `folder`."""
    program = [sys.executable, "-c", EACH_COMMAND]
    if os.geteuid() == 0:
        program = AS_A_USER + program
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "HOME": str(folder)}
    done = subprocess.run(
        program, input=json.dumps(commands), capture_output=True, text=True, cwd=folder, env=env
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Each command's status and stderr, and those of `models` at the end."""
    folder = tmp_path_factory.mktemp("unreadable")
    if os.geteuid() == 0:
        can = shutil.which("setpriv") and subprocess.run([*AS_A_USER, "true"]).returncode == 0
        if not can:
            pytest.skip("an administrator who cannot give up the right to read everything")
    model, locked, fixed = (folder / name for name in ("model", "locked", "locked-fixed"))
    write_exported(model, card="# model: noise\n\nRandom weights.\n\n## Licence\nCC0\n")
    shutil.copytree(model, locked)
    locked.chmod(0)
    write_exported(fixed)
    fixed.chmod(0o500)
    words = {"LOCKED": str(locked), "MODEL": str(model), "FIXED": str(fixed)}
    commands = [
        [re.sub("LOCKED|MODEL|FIXED", lambda found: words[found[0]], word) for word in line.split()]
        for line in [*COMMANDS, "models"]
    ]
    yield dict(zip([*COMMANDS, "models"], run_all(commands, folder)))
    for closed in (locked, fixed):
        closed.chmod(0o700)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_what_it_may_not_use(results, command):
    status, printed = results[command]
    assert status == 1
    last = printed.splitlines()[-1]
    assert last.startswith("samplernn: ") and "locked" in last and "Permission denied" in last


def test_the_list_of_models_says_which_folder_it_cannot_read(results):
    status, printed = results["models"]
    assert status == 0
    assert [line for line in printed.splitlines() if "locked" in line] == printed.splitlines()
    assert len(printed.splitlines()) == 1
