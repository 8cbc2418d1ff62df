"""`samplernn doctor`: each test creates a real failure and looks for it in the table."""

import importlib.metadata
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest
from pythons import make_environment, packages_but, python_of
from stand_in import build_stand_in

from sopilib.commands import doctor
from sopilib.installation import paths, worker_python


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a copy of the files that doctor checks, including the loader and one model."""
    checkout = paths.packages_folder()
    shutil.copytree(checkout / "pd", tmp_path / "pd")
    shutil.copytree(checkout / "models" / "preludes", tmp_path / "models" / "preludes")
    monkeypatch.setattr(paths, "project_folder", lambda: tmp_path)
    monkeypatch.setenv("SAMPLERNN_PYTHON", sys.executable)
    return tmp_path


@pytest.fixture
def no_worker(monkeypatch):
    """Leave the worker without a Python, so that its check fails at once in other tests."""
    monkeypatch.setenv("SAMPLERNN_PYTHON", "/no/such/python")
    monkeypatch.setattr(worker_python, "RECORD", Path("/no/such/record"))


def write_program(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run_doctor(capsys):
    """Return the exit status and the table: name -> (word, text)."""
    status = doctor.run(None)
    lines = re.findall(
        r"^(ok|warning|FAILED) +(.*?)  +(.*)$", capsys.readouterr().out, re.MULTILINE
    )
    return status, {name: (word, text) for word, name, text in lines}


def failed(table):
    return {name for name, (word, _) in table.items() if word == "FAILED"}


def test_where_all_is_there_the_status_is_0_even_beside_a_broken_model(project, capsys):
    broken = project / "models" / "broken"
    broken.mkdir()
    (broken / "broken.config.json").write_text("{")
    status, table = run_doctor(capsys)
    assert failed(table) == set()
    assert status == 0
    assert table["Python"] == ("ok", f"{sys.version.split()[0]}, {sys.executable}")
    assert table["TensorFlow"] == ("ok", f"tensorflow {importlib.metadata.version('tensorflow')}")
    assert table["loader"][1].startswith("[pyext samplernn_pd samplernn] answers, ")
    assert f"TensorFlow {importlib.metadata.version('tensorflow')}" in table["worker"][1]
    assert table["models/broken"][0] == "warning"
    assert str(broken) in table["models/broken"][1]
    assert table["models/preludes"][0] == "ok"
    assert table["models"] == ("ok", "preludes can be loaded")


def test_every_line_that_is_not_ok_ends_with_its_fix(project, no_worker, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(project))
    monkeypatch.delenv("DISPLAY", raising=False)
    status, table = run_doctor(capsys)
    lines = [text for word, text in table.values() if word != "ok"]
    assert status == 1
    assert len(lines) >= 5
    assert all(re.search(r" \(.+\)$", line) for line in lines)


def test_without_pd_what_needs_it_fails(project, no_worker, monkeypatch, capsys):
    monkeypatch.delenv("PD", raising=False)
    monkeypatch.setenv("PATH", str(project))
    monkeypatch.setattr(paths, "MACOS_APPLICATIONS", ())
    status, table = run_doctor(capsys)
    assert status == 1
    assert failed(table) == {"Pd", "loader", "worker"}
    assert table["Pd"][1].startswith("Pure Data is not installed (")


def test_a_missing_loader_fails(project):
    doctor.loader_path().unlink()
    with pytest.raises(doctor.CheckError, match=r"^no .*pyext\.pd_.* \(it needs a C compiler"):
        doctor.check_loader()


def test_a_loader_that_is_no_library_fails(project):
    doctor.loader_path().write_bytes(b"no library")
    with pytest.raises(doctor.CheckError, match="pyext.pd_.* does not start: .*pyext"):
        doctor.check_loader()


@pytest.mark.parametrize(
    "name, place", [("py", "pd-externals/py"), ("pyext", ".local/lib/pd/extra")]
)
def test_an_original_pyext_among_pds_externals_is_tried(tmp_path, monkeypatch, name, place):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / place
    build_stand_in(folder, name)
    text = doctor.check_original_pyext()
    assert text.startswith(f"the class answers under -lib {name}, {folder}/{name}.pd_")


def test_an_original_pyext_that_does_not_find_the_class_is_one_line(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project))
    build_stand_in(project / "pd-externals", "py")
    with pytest.raises(
        doctor.CheckError, match=r"-lib py, \S+: samplernn: no package samplernn_pd near .*\)$"
    ):
        doctor.check_original_pyext()


def test_an_original_pyext_that_hangs_at_the_end_of_pd_still_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pd-externals").mkdir()
    (tmp_path / "pd-externals" / "py.pd_linux").write_text("")
    monkeypatch.setattr(doctor, "PD_LIMIT_S", 0.5)
    script = "#!/bin/sh\necho doctor: info model none\nexec sleep 60\n"
    monkeypatch.setenv("PD", str(write_program(tmp_path / "pd", script)))
    assert doctor.check_original_pyext().startswith("the class answers under -lib py")


def test_without_an_original_pyext_ours_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert doctor.check_original_pyext().startswith("neither py nor pyext ")


def test_without_a_model_that_can_be_loaded_the_models_fail(project, no_worker, capsys):
    for data in (project / "models" / "preludes").glob("model.ckpt-*"):
        data.unlink()
    status, table = run_doctor(capsys)
    assert status == 1
    assert "models" in failed(table)
    assert table["models/preludes"][0] == "warning"


def test_a_worker_python_that_is_gone_fails(no_worker):
    with pytest.raises(doctor.CheckError, match="^/no/such/python: No such file or directory"):
        doctor.check_worker()


def test_a_worker_python_without_packages_fails(no_worker, tmp_path, monkeypatch):
    bare = make_environment(tmp_path / "env")
    monkeypatch.setenv("SAMPLERNN_PYTHON", bare)
    with pytest.raises(doctor.CheckError, match=rf"^{bare} has no numpy \({bare} -m pip install"):
        doctor.check_worker()


def test_a_worker_python_that_is_too_old_fails(no_worker, monkeypatch):
    python = python_of("3.8")
    monkeypatch.setenv("SAMPLERNN_PYTHON", python)
    with pytest.raises(doctor.CheckError, match=r"^Python 3\.8\.\d+ at .* \(name one of 3.10 to"):
        doctor.check_worker()


def test_a_worker_python_without_tensorflow_passes_and_says_what_it_can_do(
    no_worker, tmp_path, monkeypatch
):
    python = make_environment(tmp_path / "env", packages_but(tmp_path / "packages", "tensorflow"))
    monkeypatch.setenv("SAMPLERNN_PYTHON", python)
    version = sys.version.split()[0]
    assert doctor.check_worker() == (
        f"Python {version}, no TensorFlow (only packed and exported models can be loaded), {python}"
    )


def test_a_worker_python_that_is_replaced_is_a_warning(project, tmp_path, monkeypatch, capsys):
    """As in Pd, the Python of the installation takes its place."""
    record = tmp_path / "record.txt"
    record.write_text(sys.executable)
    monkeypatch.setattr(worker_python, "RECORD", record)
    monkeypatch.setenv("SAMPLERNN_PYTHON", "/no/such/python")
    status, table = run_doctor(capsys)
    word, text = table["worker"]
    assert (status, word) == (0, "warning")
    assert text.startswith("/no/such/python: No such file or directory (")
    assert f"; {sys.executable} is used instead: Python " in text


def test_a_package_that_is_not_installed_fails(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package-of-ours"))
    with pytest.raises(doctor.CheckError, match="no-such-package-of-ours is not installed"):
        doctor.check_packages()


def test_a_program_named_pd_that_is_not_pure_data_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("PD", str(write_program(tmp_path / "pd", "#!/bin/sh\necho hello\n")))
    with pytest.raises(doctor.CheckError, match="does not answer as Pd does: hello"):
        doctor.check_pd()


def test_a_pd_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "PD_LIMIT_S", 0.3)
    monkeypatch.setenv("PD", str(write_program(tmp_path / "pd", "#!/bin/sh\nexec sleep 60\n")))
    with pytest.raises(doctor.CheckError, match="has not ended within 0.3 s"):
        doctor.check_pd()


def test_an_audio_output_that_pd_lists_is_named(tmp_path, monkeypatch):
    listing = "#!/bin/sh\nprintf 'audio output devices:\\n1. Built-in (hardware)\\n'\n"
    monkeypatch.setenv("PD", str(write_program(tmp_path / "pd", listing)))
    assert doctor.check_audio() == "1. Built-in (hardware)"


def test_the_compiler_is_the_one_that_cc_names(monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(doctor.CheckError, match="no C compiler no-such-compiler"):
        doctor.check_compiler()


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_cc_names_no_compiler_of_its_own(text, monkeypatch):
    monkeypatch.setenv("CC", text)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}")
    assert doctor.check_compiler() == "/bin/cc"


def test_an_installation_without_patches_fails_with_the_fix(
    no_worker, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(paths, "packages_folder", lambda: tmp_path)
    monkeypatch.setattr(paths, "_shared_folders", list)
    status, table = run_doctor(capsys)
    assert status == 1
    assert {"loader", "models"} <= failed(table)
    assert "install again" in table["models"][1]


def test_without_the_right_to_real_time_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(doctor, "can_be_real_time", lambda: False)
    monkeypatch.setattr(doctor, "HAS_REAL_TIME", True)
    with pytest.raises(doctor.CheckError, match=r"@audio - rtprio 95.*usermod -aG audio.*log in"):
        doctor.check_priority()
