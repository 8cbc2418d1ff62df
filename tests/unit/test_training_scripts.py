"""The scripts for Slurm and for a rented machine, with stand-ins for srun, scontrol and ssh."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import PROJECT

SLURM = PROJECT / "models" / "presets" / "train.slurm"
ON_VM = PROJECT / "docs" / "train_on_vm.sh"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with commands that run their arguments and log them in `calls`."""
    commands = {
        "srun": 'echo "srun $*" >>calls; exec "$@"',
        "scontrol": 'echo "scontrol $*" >>calls',
        "ssh": 'echo "ssh $1 $2" >>calls; shift; sh -c "$*"',
    }
    (tmp_path / "bin").mkdir()
    for name, body in commands.items():
        write_command(tmp_path, name, body)
    return tmp_path


def write_command(folder, name, body):
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(folder, *words, **variables):
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", **variables}
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )


def calls(folder):
    return (folder / "calls").read_text().splitlines()


def test_the_slurm_script_trains_with_the_words_that_follow_it(folder):
    # the command of this installation, even if it is not on the path
    code = "import sys; from sopilib.commands.main import main; sys.exit(main())"
    write_command(folder, "samplernn", f'exec {shlex.quote(sys.executable)} -c "{code}" "$@"')
    result = run(
        folder, "bash", SLURM, "--data_dir", "no such folder", SLURM_JOB_ID="7", PYTHONPATH=PROJECT
    )
    assert result.returncode == 1
    assert "samplernn: no file or folder no such folder" in result.stderr
    assert calls(folder) == ["srun samplernn train --data_dir no such folder"]


@pytest.mark.parametrize("status, requeued", [(0, []), (1, []), (130, ["scontrol requeue 7"])])
def test_a_training_that_was_stopped_goes_back_into_the_queue(folder, status, requeued):
    write_command(folder, "samplernn", f"exit {status}")
    result = run(folder, "bash", SLURM, "--id", "x", SLURM_JOB_ID="7")
    assert result.returncode == status
    assert calls(folder)[1:] == requeued


def test_the_slurm_script_asks_for_the_signal_that_saves():
    lines = [line for line in SLURM.read_text().splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --signal=TERM@180" in lines
    assert "#SBATCH --requeue" in lines


def test_a_missing_environment_is_one_line(folder):
    result = run(folder, "bash", SLURM, SAMPLERNN_ENV="nowhere")
    assert result.returncode == 1
    assert result.stderr.startswith("train.slurm: no environment nowhere (")


def test_a_rented_machine_gets_project_and_recordings_and_trains(folder):
    project, home = folder / "project", folder / "home"
    for path in (project / "docs", project / ".venv" / "bin", folder / "my sounds", home):
        path.mkdir(parents=True)
    (project / "docs" / ON_VM.name).write_text(ON_VM.read_text())
    (project / ".venv" / "bin" / "python").write_text("stays here")
    installs = "mkdir -p .venv/bin; printf '#!/bin/sh\\necho \"$@\"\\n' >.venv/bin/samplernn"
    (project / "install.sh").write_text(installs + "; chmod +x .venv/bin/samplernn\n")
    (folder / "my sounds" / "a.wav").write_text("sound")
    write_command(folder, "ssh", f'shift; cd {shlex.quote(str(home))} && sh -c "$*"')
    start = ["sh", project / "docs" / ON_VM.name, "start", "me@host", "my sounds"]
    result = run(folder, *start, "--id", "it's me")
    assert result.returncode == 0, result.stderr
    assert (home / "recordings" / "a.wav").read_text() == "sound"
    assert not (home / "samplernn" / ".venv" / "bin" / "python").exists()
    wait_for(home / "train.log", "train --data_dir recordings --id it's me\n")
    (home / "logdir" / "x").mkdir(parents=True)
    fetch = ["sh", project / "docs" / ON_VM.name, "fetch", "me@host", "results"]
    assert run(folder, *fetch).returncode == 0
    assert (folder / "results" / "logdir" / "x").is_dir()


def wait_for(path: Path, text: str) -> None:
    for _ in range(100):
        if path.is_file() and path.read_text() == text:
            return
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail(f"{path} is not {text!r}")


@pytest.mark.parametrize(
    "words, told",
    [
        ([], "say what to do (start USER@HOST"),
        (["stop", "me@host"], "no action stop (start USER@HOST"),
        (["start", "me@host", "nowhere"], "no folder of recordings nowhere (give one"),
        (["fetch", "me@host"], "where to (give a FOLDER)"),
    ],
)
def test_wrong_words_are_one_line(folder, words, told):
    result = run(folder, "sh", ON_VM, *words)
    assert result.returncode == 1
    assert told in result.stderr and result.stderr.count("\n") == 1
