"""What happens to a model's files while they are used: cut short, or their writer killed."""

import os
import signal
import subprocess
import sys

import pytest
from exported_model import write_exported
from golden import copy_checkpoint, needs_tensorflow
from places import PROJECT
from player import Player
from processes import wait_until_ended

from sopilib.engine.load import load_generator
from sopilib.model.folder import find_model

KILLED_IN_THE_LAST_STEP = """
import os, signal, sys
from sopilib.engine.load import load_generator
from sopilib.model.folder import find_model

def kill(event, values):
    if event == "os.rename" and str(values[1]).endswith(".pack"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
load_generator(find_model(sys.argv[1]), 1, "int8", 1)
"""


@pytest.fixture
def player():
    player = Player()
    yield player
    player.link.close()


def test_a_pack_cut_short_while_it_plays_is_one_error_and_a_load_plays_again(tmp_path, player):
    """Its pages are gone for the worker, which the system ends; Pd and the class go on."""
    folder = write_exported(tmp_path / "small")
    (pack,) = folder.glob("*.pack")
    whole = pack.read_bytes()
    player.say(f"load {folder}")
    player.wait_for("loaded small")
    player.say("stream ring 200")
    player.wait_for("streaming")
    worker = player.pid
    os.truncate(pack, 0)
    player.wait_for("error the worker was killed by signal")
    wait_until_ended(worker)
    player.wait_for("worker off")
    player.say(f"load {folder}")
    player.wait_for(f"error {pack}")
    pack.write_bytes(whole)
    player.say(f"load {folder}")
    player.wait_for("loaded small")
    player.say("stream ring 200")
    player.wait_for("streaming")
    assert not any(told.startswith("error") for told in player.host.told)


def test_a_process_killed_while_it_packs_leaves_nothing_for_good(tmp_path):
    needs_tensorflow()
    folder = copy_checkpoint("gru_mulaw", tmp_path / "model")
    before = set(os.listdir(folder))
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", KILLED_IN_THE_LAST_STEP, str(folder)]
    done = subprocess.run(command, env=env, timeout=120)
    assert done.returncode == -signal.SIGKILL
    (left,) = set(os.listdir(folder)) - before
    assert left.startswith(".samplernn-")
    load_generator(find_model(folder), 1, "int8", 1)
    (pack,) = set(os.listdir(folder)) - before
    assert pack.endswith(".int8.pack")
