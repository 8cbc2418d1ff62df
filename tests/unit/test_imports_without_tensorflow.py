"""Commands that do without TensorFlow do not import it, so that they start at once."""

import subprocess
import sys

import pytest
from places import PROJECT

LIGHT_COMMANDS = ("audition", "bench", "chunk", "doctor", "export", "generate", "info", "report")
PROGRAM = """
import sys
from sopilib.commands.main import main
try:
    main([sys.argv[1], "--help"])
except SystemExit as end:
    assert end.code == 0
sys.exit("TensorFlow was imported" if "tensorflow" in sys.modules else 0)
"""


@pytest.mark.parametrize("command", LIGHT_COMMANDS)
def test_the_help_of_a_light_command_imports_no_tensorflow(command):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, command],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"usage: samplernn {command}" in done.stdout
