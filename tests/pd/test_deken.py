"""The package for Pd's "Find externals", laid out as it would be unpacked, in a real Pd."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from class_in_pd import PROJECT, ClassInPd
from pd_host import PdHost, write_patch

LOAD_LIMIT_S = 60
SCRIPT = PROJECT / "pd" / "deken" / "package.sh"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return the folder to which Pd's search path is set."""
    folder = tmp_path_factory.mktemp("externals")
    subprocess.run(["sh", str(SCRIPT), str(folder)], check=True, timeout=60)
    return folder / "samplernn"


class PackageInPd(PdHost):
    """A Pd that knows only the package, on a patch in another folder."""

    worker_pids = ClassInPd.worker_pids

    def __init__(self, package, folder, *lines):
        env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
        super().__init__(
            write_patch(folder, *lines), args=("-path", str(package)), env=env, time_limit_s=240
        )


def test_the_bundled_model_loads_from_the_unpacked_package(package, tmp_path):
    with PackageInPd(
        package,
        tmp_path,
        "#X obj 20 20 samplernn~ preludes",
        "#X obj 20 60 print status",
        "#X connect 0 1 1 0",
    ) as pd:
        pd.wait_for("^status: loaded preludes 16000 1$", LOAD_LIMIT_S)
        (worker,) = pd.worker_pids()
        command = Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0")
    assert any(part.startswith(os.fsencode(package)) for part in command)


def test_its_models_are_packed_and_have_their_cards(package):
    for name in ("preludes", "voce"):
        files = {path.name for path in (package / name).iterdir()}
        assert {f"{name}.config.json", f"{name}.int8.pack", "README.md"} <= files
        assert not any("ckpt" in file for file in files)  # nothing that needs TensorFlow


def test_the_notice_that_a_model_must_keep_is_in_it(package):
    notice = PROJECT / "models" / "metal" / "NOTICE.txt"
    assert (package / "metal" / "NOTICE.txt").read_bytes() == notice.read_bytes()


def test_an_example_finds_the_object_in_it(package, tmp_path):
    names = {path.name for path in (PROJECT / "pd" / "examples").glob("*.pd")}
    assert {path.name for path in (package / "examples").iterdir()} == names
    with PackageInPd(package, tmp_path, "#X obj 20 20 examples/1-first-sound") as pd:
        deadline = time.monotonic() + LOAD_LIMIT_S
        while not pd.worker_pids():
            assert time.monotonic() < deadline, pd.console
            pd.sync()
        assert "error" not in pd.console


@pytest.mark.parametrize(
    "patch", ["samplernn", "samplernn-help", "samplernn~-help", "samplernn-meta", "demo"]
)
def test_its_patches_open(package, tmp_path, patch):
    with PdHost(package / f"{patch}.pd") as pd:
        pd.sync()
        assert "error" not in pd.console


def test_both_forms_of_pyext_are_found_in_it(package, tmp_path):
    creation = "pyext. samplernn_pd.external samplernn"
    with PackageInPd(package, tmp_path, f"#X obj 20 20 {creation}") as pd:
        pd.sync()
        assert pd.console == ""


def test_it_holds_nothing_of_the_machine_that_made_it_but_what_is_compiled(package):
    texts = [path for path in package.rglob("*") if path.suffix in (".pd", ".py", ".txt", ".md")]
    assert len(texts) > 30
    assert not any(str(PROJECT).encode() in path.read_bytes() for path in texts)
