"""Modules beside a patch: one named as our package, as older patches have it, and others.

The look-alike below needs a library that is missing here, like the file of those patches.
"""

import shutil
import sys

import numpy as np
import pytest
from class_in_pd import LOAD_LIMIT_S, ClassInPd
from pd_host import PdHost, write_patch
from places import GRU, PATCHES, PROJECT

LOOK_ALIKE = """import sopilib.samplernn_protocol as protocol
import pyext

class samplernn(pyext._class):
    def __init__(self, *args):
        self._inlets = self._outlets = 1

    def load_1(self, *args):
        protocol.send("load", args)
"""
OLDER_MESSAGES = (
    f"load --python {sys.executable} -- --num_seqs 2 --ckpt_dir {GRU}",
    "generate --out_sr 16000 --dur 4 --temp 0.8 --out sound1 --temp 1 --out sound2",
)


@pytest.fixture
def older_folder(tmp_path):
    """Return a patch of the older form with its own module beside it, as the look-alike is."""
    shutil.copy(PATCHES / "class-detached.pd", tmp_path / "patch.pd")
    (tmp_path / "samplernn_pd.py").write_text(LOOK_ALIKE)
    return tmp_path


def test_an_unchanged_folder_with_a_module_of_our_name_gets_its_takes(older_folder):
    with ClassInPd(older_folder / "patch.pd") as pd:
        pd.wait_for(
            rf"^pyext: samplernn_pd is the package in {PROJECT}, not "
            rf"{older_folder}/samplernn_pd\.py beside the patch \(.+\)$"
        )
        assert pd.console.count("\n") == 1
        for message in OLDER_MESSAGES:
            pd.message(message)
        pd.status("loaded gru_mulaw 16000 2", LOAD_LIMIT_S)
        for name in ("sound1", "sound2"):
            pd.status(f"generated {name} 16000 64000")
            samples = pd.samples(name)
            assert samples.size == 64000
            assert np.std(samples[-16000:]) > 0.01
    assert sorted(path.name for path in older_folder.iterdir()) == ["patch.pd", "samplernn_pd.py"]


@pytest.mark.parametrize("search_path", [("pd",), ("pd/pyext",), ("pd/pyext", "."), (".", "pd")])
def test_the_package_is_found_whatever_the_search_path(older_folder, search_path):
    args = [arg for folder in search_path for arg in ("-path", str(PROJECT / folder))]
    with PdHost(older_folder / "patch.pd", args=args) as pd:
        pd.send("samplernn", "info")
        pd.wait_for("^status: info model none")


def test_a_reload_takes_the_package_again(older_folder):
    patch = older_folder / "patch.pd"
    patch.write_text(patch.read_text() + "#X obj 200 30 receive control;\n#X connect 6 0 1 0;\n")
    with ClassInPd(patch) as pd:
        pd.send("control", "reload")
        pd.message("info")
        pd.status("info model none")
        assert "not reloaded" not in pd.console


def test_without_such_a_module_the_console_says_nothing(tmp_path):
    shutil.copy(PATCHES / "class-detached.pd", tmp_path / "patch.pd")
    with ClassInPd(tmp_path / "patch.pd") as pd:
        assert pd.console == ""


@pytest.mark.parametrize("name", ["setup", "models", "sopilib", "samplernn", "samplernn_pd_too"])
def test_a_module_of_any_other_name_is_found_beside_its_patch(tmp_path, name):
    """Some of the names also exist in the folders around the loader."""
    (tmp_path / f"{name}.py").write_text(
        "import pyext\nclass Own(pyext._class):\n    def __init__(self): print('from', __file__)\n"
    )
    patch = write_patch(tmp_path, f"#X obj 20 20 pyext {name} Own")
    with PdHost(patch, args=("-path", str(PROJECT / "pd"), "-path", str(PROJECT))) as pd:
        pd.wait_for(rf"^from {tmp_path}/{name}\.py$")


def test_a_package_of_our_name_beside_the_patch_is_found_first(tmp_path):
    package = tmp_path / "samplernn_pd"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import pyext\nclass samplernn(pyext._class):\n"
        "    def __init__(self): print('from', __file__)\n"
    )
    patch = write_patch(tmp_path, "#X obj 20 20 pyext samplernn_pd samplernn")
    with PdHost(patch, args=("-path", str(PROJECT / "pd"))) as pd:
        pd.wait_for(rf"^from {package}/__init__\.py$")


def test_a_class_that_uses_another_sopilib_works_beside_ours(tmp_path):
    """Like the classes of other chapters, with a library beside their patch."""
    (tmp_path / "sopilib").mkdir()
    (tmp_path / "sopilib" / "__init__.py").write_text("")
    (tmp_path / "sopilib" / "chapter.py").write_text(
        "import pyext\nclass Chapter(pyext._class):\n"
        "    def __init__(self): print('chapter made')\n"
    )
    patch = write_patch(
        tmp_path,
        "#X obj 20 20 pyext samplernn_pd samplernn",
        "#X obj 20 60 pyext. sopilib.chapter Chapter",
    )
    with PdHost(patch, args=("-path", str(PROJECT / "pd"))) as pd:
        pd.wait_for("^chapter made$")
        assert pd.console.count("\n") == 1
