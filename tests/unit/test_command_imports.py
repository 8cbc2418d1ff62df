"""The `--help` of each command: no needless TensorFlow, no output of libraries."""

import os
import subprocess
import sys

import pytest
from places import PROJECT

LIGHT_COMMANDS = (
    "album",
    "audition",
    "bench",
    "chunk",
    "doctor",
    "export",
    "generate",
    "info",
    "radio",
    "report",
)
PROGRAM = """
import sys
from sopilib.commands.main import main
try:
    main([sys.argv[1], "--help"])
except SystemExit as end:
    assert end.code == 0
if sys.argv[1] in sys.argv[2:] and "tensorflow" in sys.modules:
    sys.exit("TensorFlow was imported")
"""


def assert_quiet_help(command):
    # this process sets it once it has imported TensorFlow, and then notes are not held back
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command, *LIGHT_COMMANDS],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: samplernn {command}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_the_help_of_a_light_command_is_quiet_and_imports_no_tensorflow(command):
    assert_quiet_help(command)


@pytest.mark.tensorflow
@pytest.mark.parametrize("command", ["train", "tune"])
def test_the_help_of_a_training_command_prints_no_notes_of_libraries(command):
    assert_quiet_help(command)


ABORTS = """
import os
os.write(2, b"I0000 00:00:1.2  3 stub.cc:31] Could not find cuda drivers\\n")
os.write(2, b"F0000 00:00:1.2  3 env.cc:7] Check failed: ok\\n")
os.abort()
"""


def test_the_last_words_of_a_tensorflow_that_aborts_are_not_held_back_with_its_notes(tmp_path):
    (tmp_path / "tensorflow.py").write_text(ABORTS)
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", "from sopilib.model.quiet_tensorflow import tf"],
        env={**env, "PYTHONPATH": f"{tmp_path}:{PROJECT}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -6
    assert done.stderr == "F0000 00:00:1.2  3 env.cc:7] Check failed: ok\n"


@pytest.mark.tensorflow
def test_tensorflow_starts_without_keras_which_can_be_imported_later():
    program = (
        "from sopilib.model.quiet_tensorflow import tf; import sys; print('keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program + "; import keras; print(tf.keras.__name__)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.stdout == "False\nkeras._tf_keras.keras\n", done.stderr
