"""The build of the pyext loader: the parts it finds, and its reports of missing ones."""

import importlib.util
import os
import subprocess
import sys

import pytest
from places import PROJECT

PATH = PROJECT / "pd" / "pyext" / "build_loader.py"


@pytest.fixture
def loader_build():
    spec = importlib.util.spec_from_file_location("build_loader", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_loader"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["build_loader"]


def test_the_loader_compiles_without_a_warning(loader_build, tmp_path, capfd):
    loader = loader_build.build(tmp_path / "new folder", "/some/site-packages")
    assert loader.parent == tmp_path / "new folder"
    assert capfd.readouterr() == ("", "")
    assert loader.read_bytes()[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")


def test_a_current_loader_is_not_built_again(loader_build, tmp_path):
    loader = loader_build.build(tmp_path, "/some/site-packages")
    built_at = loader.stat().st_mtime_ns
    assert loader_build.build(tmp_path, "/some/site-packages") == loader
    assert loader.stat().st_mtime_ns == built_at
    loader_build.build(tmp_path, "/other/site-packages")
    assert loader.stat().st_mtime_ns > built_at


def test_a_loader_older_than_its_sources_is_built_again(loader_build, tmp_path):
    loader = loader_build.build(tmp_path, "/some/site-packages")
    os.utime(loader, (0, 0))
    loader_build.build(tmp_path, "/some/site-packages")
    assert loader.stat().st_mtime > 0


def test_the_library_for_the_form_with_a_dot_lies_beside_the_loader(loader_build, tmp_path):
    loader = loader_build.build(tmp_path, "/some/site-packages")
    dotted = tmp_path / loader.name.replace(".", "..")
    assert sorted(tmp_path.iterdir()) == [dotted, loader]
    built_at = dotted.stat().st_mtime_ns
    loader_build.build(tmp_path, "/some/site-packages")
    assert dotted.stat().st_mtime_ns == built_at


@pytest.mark.skipif(sys.platform != "linux", reason="reads the ELF symbol table")
def test_the_loader_shows_other_libraries_only_its_setup(loader_build, tmp_path):
    loader = loader_build.build(tmp_path, "/some/site-packages")
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", loader], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[-1] for line in listing.splitlines()] == ["pyext_setup"]


def test_a_missing_header_is_one_line_with_its_fix(loader_build, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(loader_build, "HEADER_FOLDERS", (str(tmp_path),))
    monkeypatch.setenv("PD_INCLUDE", "")
    assert loader_build.build(tmp_path) is None
    assert capfd.readouterr().err == (
        "samplernn: the pyext loader for Pd is not built: Pd's header m_pd.h was not found "
        "(Debian: apt-get install puredata-dev; else set PD_INCLUDE to its folder)\n"
    )


def test_a_missing_compiler_is_one_line_with_its_fix(loader_build, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "")
    assert loader_build.build(tmp_path) is None
    assert capfd.readouterr().err.startswith(
        "samplernn: the pyext loader for Pd is not built: no C compiler was found ("
    )


def test_a_compiler_that_fails_is_reported_and_leaves_no_loader(
    loader_build, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("CFLAGS", "-no-such-flag")
    assert loader_build.build(tmp_path) is None
    assert "not built: " in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_pd_include_comes_before_the_usual_folders(loader_build, tmp_path, monkeypatch):
    (tmp_path / "m_pd.h").write_text("")
    monkeypatch.setenv("PD_INCLUDE", str(tmp_path))
    assert loader_build.find_header() == str(tmp_path)


def test_a_python_without_a_shared_library_is_passed_over(loader_build, tmp_path):
    script = tmp_path / "python3"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    assert loader_build.describe_python(str(script)) is None


def test_the_python_to_embed_is_that_of_the_environment(loader_build):
    python = loader_build.find_python()
    assert os.path.exists(os.path.join(python.include, "Python.h"))
    assert os.path.exists(python.program)
    if loader_build.describe_python(sys.executable):
        assert python.home == sys.base_prefix
