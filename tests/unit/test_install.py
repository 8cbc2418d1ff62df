"""The parts of the set-up that run without changing the system."""

import os
import shutil
import subprocess

import pytest

from sopilib.installation import paths

OF_THE_MAKE_THAT_RUNS_THE_TESTS = ("MAKEFLAGS", "MAKELEVEL", "PYTHON", "TESTS")


def run(*command, folder):
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_THE_MAKE_THAT_RUNS_THE_TESTS
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
    )


@pytest.fixture
def checkout(tmp_path):
    """Return a folder with only the files that start the set-up."""
    for name in ("Makefile", "install.sh"):
        shutil.copy(paths.packages_folder() / name, tmp_path)
    return tmp_path


def test_make_alone_lists_what_there_is_to_make(checkout):
    listing = run("make", folder=checkout)
    assert listing.returncode == 0
    assert [line.split()[1] for line in listing.stdout.splitlines()] == [
        "help",
        "install",
        "demo",
        "play",
        "test",
        "test-fast",
        "fuzz",
        "soak",
        "lint",
        "format",
        "deken",
        "clean",
    ]


TARGETS = ["install", "demo", "play", "test", "test-fast", "lint", "deken"]


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_python_that_does_not_fit_is_refused_before_anything_is_installed(
    checkout, target, python
):
    result = run("make", target, f"PYTHON={python}", folder=checkout)
    assert result.returncode != 0
    assert f"PYTHON={python} is not a Python 3.10 to 3.13" in result.stderr
    assert sorted(path.name for path in checkout.iterdir()) == ["Makefile", "install.sh"]


def test_clean_removes_what_was_made_and_nothing_else(checkout):
    made = [".venv/bin", "build", "samplernn.egg-info", "sopilib/__pycache__"]
    for folder in made:
        (checkout / folder).mkdir(parents=True)
    (checkout / "demo.wav").write_text("")
    (checkout / "sopilib" / "kept.py").write_text("")
    assert run("make", "clean", folder=checkout).returncode == 0
    left = sorted(str(path.relative_to(checkout)) for path in checkout.rglob("*") if path.is_file())
    assert left == ["Makefile", "install.sh", "sopilib/kept.py"]
