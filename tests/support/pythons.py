"""Pythons for tests of the worker's start: new environments and other versions."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from places import PROJECT

INSTALLED = Path(sysconfig.get_path("purelib"))
OTHER_VERSIONS = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.14")
_EDITABLE = ("__editable__", "samplernn")


def make_environment(folder: Path, *package_folders: Path) -> str:
    """Return the Python of a new virtual environment that also finds packages in these folders."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    if package_folders:
        lines = "\n".join(map(str, package_folders))
        (site_packages(folder) / "tests.pth").write_text(lines + "\n")
    return str(folder / "bin" / "python")


def site_packages(environment: Path) -> Path:
    """Return the folder of the packages of an environment that `make_environment` made."""
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def packages_but(folder: Path, *left_out: str) -> Path:
    """Fill a new folder with links to the packages of the tests' Python, except these."""
    folder.mkdir()
    for package in INSTALLED.iterdir():
        if not package.name.startswith((*_EDITABLE, *left_out)):
            (folder / package.name).symlink_to(package)
    return folder


def copy_library(folder: Path, *, with_engine: bool = True) -> Path:
    """Copy our packages into a new folder, as an installation puts them into site-packages."""
    ignored = ["__pycache__", "*.pack", "worker_python.txt"]
    if not with_engine:
        ignored.append("native.*.so")
    for name in ("sopilib", "samplernn_pd"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns(*ignored))
    return folder


def python_of(version: str) -> str:
    """Return a Python of this version, such as "3.8"; skip the test if there is none."""
    managed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    found = [*map(str, managed), shutil.which(f"python{version}")]
    for python in filter(None, found):
        if subprocess.run([python, "-c", "pass"], capture_output=True).returncode == 0:
            return python
    pytest.skip(f"no Python {version} is here")


def write_script(path: Path, *lines: str) -> str:
    """Write an executable shell script; return its path."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def command_line(pid: int) -> list[str]:
    """Return the words of process `pid`'s command; skip the test if the system hides them."""
    if not os.path.isdir("/proc/self"):
        pytest.skip("no /proc")
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
