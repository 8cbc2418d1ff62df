"""The class and its patches in a Pd with the original pyext or its stand-in."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from class_in_pd import LOAD_LIMIT_S, ClassInPd
from live_patch import LivePatch
from patch_in_pd import PatchInPd
from pd_host import PdHost, write_patch
from places import GRU, PATCHES, PROJECT

UNPOLLED = (
    "#X obj 30 30 receive samplernn",
    "#X obj 30 150 pyext samplernn_pd samplernn",
    "#X obj 30 190 print status",
    "#X obj 330 150 table sound1 10",
    "#X connect 0 0 1 1",
    "#X connect 1 0 2 0",
)
LONGEST_MESSAGE_S = 0.3  # of a Pd that waits for nothing, on a busy machine


class Unpolled(ClassInPd):
    """A Pd with the class undetached and without a metro, a patch of its own folder."""

    def __init__(self, folder, loader):
        super().__init__(write_patch(folder, *UNPOLLED), loader)

    def message(self, text):
        """Send a message and return how long Pd took for it, in s."""
        self.sync()
        start_s = time.monotonic()
        super().message(text)
        self.sync()
        return time.monotonic() - start_s


def test_the_model_of_the_argument_sounds(tmp_path, loader):
    with LivePatch(tmp_path, f"{GRU} 1 300", loader=loader) as pd:
        pd.status("loaded gru_mulaw 16000 1", LOAD_LIMIT_S)
        pd.start_recording()
        pd.message(1)
        pd.status("streaming [1-9].*")  # ms of sound ahead
        pd.let_play(5)
        pd.message(0)
        pd.status("stream off")
        assert np.std(pd.recorded()) > 1e-4


def test_the_page_generates_as_an_object(tmp_path, stand_in):
    with PatchInPd(tmp_path, stand_in) as pd:
        pd.load()
        pd.generate(0.05)


@pytest.mark.parametrize("patch", ["samplernn", "samplernn-help", "samplernn~-help", "demo"])
def test_the_patches_find_the_class_from_their_own_folder_alone(stand_in, patch):
    with PdHost(PROJECT / "pd" / f"{patch}.pd", args=stand_in) as pd:
        pd.sync()
        assert pd.console == ""


def test_without_detach_and_polls_nothing_is_waited_for_and_one_line_says_why(tmp_path, loader):
    with Unpolled(tmp_path, loader) as pd:
        time.sleep(5)  # a metro would have started by now
        times_s = [pd.message(f"load {GRU}")]
        pd.wait_for(r"^samplernn: nothing is delivered without polls \(.*metro.*\)$")
        pd.status("error nothing is delivered without polls .*")
        times_s.append(pd.message("generate sound1"))
        pd.status("error generate: nothing is delivered without polls .*")
        times_s.append(pd.message("info"))
        assert pd.console.count("status: error") == 2
        assert "no model is loaded" not in pd.console
        assert max(times_s) < LONGEST_MESSAGE_S


def test_what_needs_a_model_that_no_poll_has_delivered_says_so(tmp_path, stand_in):
    with Unpolled(tmp_path, stand_in) as pd:
        for message in (f"load {GRU}", "generate sound1"):
            pd.message(message)
        pd.status("error generate: nothing is delivered without polls .*")
        assert pd.console.count("status: ") == 1


def test_without_detach_and_polls_each_message_delivers_what_has_arrived(tmp_path, loader):
    with Unpolled(tmp_path, loader) as pd:
        times_s = [pd.message(f"load {GRU}")]
        for message, status in (
            ("length 0.05", "loaded gru_mulaw 16000 1"),
            ("generate sound1", "generated sound1 16000 800"),
        ):
            times_s.append(pd.message(message))
            while f"status: {status}\n" not in pd.console and len(times_s) < 500:
                time.sleep(0.2)
                times_s.append(pd.message("length 0.05"))
            pd.status(status)
        assert np.ptp(pd.samples("sound1")) > 0.1
        assert max(times_s) < LONGEST_MESSAGE_S


def test_a_message_to_pds_thread_does_not_wait_for_a_detached_handler(tmp_path, loader):
    """While a detached handler delivers a take, `detach 0` brings messages to Pd's thread."""
    lines = [
        line.replace("samplernn_pd samplernn", "samplernn_pd samplernn @detach 1")
        for line in UNPOLLED
    ]
    lines += ["#X obj 200 30 receive control", "#X connect 4 0 1 0"]
    patch = write_patch(tmp_path, *lines)
    with ClassInPd(patch, loader) as pd:
        pd.load()
        pd.begin_long_take()
        pd.send("control", "detach", 0)
        pd.sync()
        times_s = []
        for number in range(50):
            start_s = time.monotonic()
            pd.message(f"temperature 0.{number + 10}")
            pd.sync()
            times_s.append(time.monotonic() - start_s)
        assert max(times_s) < LONGEST_MESSAGE_S
        pd.message("stop")
        pd.status(r"stopped sound1 16000 \d+")


def test_a_patch_elsewhere_needs_the_folder_of_the_patches_alone(tmp_path, stand_in):
    patch = shutil.copy(PATCHES / "class-polled.pd", tmp_path)
    with PdHost(patch, args=(*stand_in, "-path", str(PROJECT / "pd"))) as pd:
        pd.send("samplernn", "info")
        pd.wait_for("^status: info model none")


@pytest.fixture
def installation(tmp_path):
    """Return the patches as `pip install .` lays them out, without the packages."""
    patches = tmp_path / "share" / "samplernn" / "pd"
    shutil.copytree(PROJECT / "pd", patches, ignore=shutil.ignore_patterns("pyext"))
    return patches


def install_packages(folder):
    for name in ("samplernn_pd", "sopilib"):
        shutil.copytree(PROJECT / name, folder / name)
    return folder


@pytest.mark.parametrize(
    "place",
    [
        "lib/python3.11/site-packages",
        "lib64/python3.12/site-packages",
        "lib/python3/dist-packages",
        ".",
        "share/samplernn",
    ],
)
def test_an_installation_is_found_from_its_patches(installation, tmp_path, stand_in, place):
    install_packages(tmp_path / place)
    with PdHost(installation / "samplernn.pd", args=stand_in) as pd:
        pd.sync()
        assert pd.console == ""


def open_probe(installation, tmp_path, stand_in, *args):
    patch = write_patch(tmp_path, *UNPOLLED, name="probe.pd")
    return PdHost(patch, args=(*stand_in, "-path", str(installation), *args))


def test_a_package_on_pds_search_path_comes_before_what_is_installed(
    installation, tmp_path, stand_in
):
    broken = install_packages(tmp_path / "lib" / "python3.11" / "site-packages")
    (broken / "samplernn_pd" / "external.py").write_text("raise ImportError('the wrong one')")
    with open_probe(installation, tmp_path, stand_in, "-path", str(PROJECT)) as pd:
        pd.send("samplernn", "info")
        pd.wait_for("^status: info model none")


@pytest.mark.parametrize(
    "state, line",
    [
        ("missing", r"no package samplernn_pd near \S+ \(run make install .*"),
        ("broken", "a part is gone"),
        ("old", r"the Python in Pd is 3\.\d+ \(the class needs 3\.99: .*"),
    ],
)
def test_what_keeps_the_class_from_being_found_is_one_line_and_an_error_status(
    installation, tmp_path, stand_in, state, line
):
    if state == "broken":
        package = install_packages(tmp_path / "share" / "samplernn") / "samplernn_pd"
        (package / "external.py").write_text("raise ImportError('a part is gone')")
    if state == "old":
        module = installation / "samplernn_pd.py"
        module.write_text(module.read_text().replace("(3, 10)", "(3, 99)"))
    with open_probe(installation, tmp_path, stand_in) as pd:
        pd.wait_for(rf"^samplernn: {line}$")
        pd.send("samplernn", "poll")
        pd.send("samplernn", "load", "preludes")
        pd.wait_for(rf"^status: error {line}$")
        pd.sync()
        assert pd.console.count("\n") == 2


OTHER_CLASS = """import pyext
import sopilib.other_protocol

class Other(pyext._class):
    _inlets = 1

    def bang_1(self):
        import sopilib.other_part
        print("other", sopilib.other_protocol.NUMBER, sopilib.other_part.NUMBER)
"""


@pytest.mark.parametrize("order", [0, 1])
def test_another_package_named_sopilib_and_ours_share_the_name(tmp_path, loader, order):
    """Another class in the same Pd, before or after ours, has a library of that name."""
    library = tmp_path / "sopilib"
    library.mkdir()
    (library / "__init__.py").write_text("")
    (library / "other_protocol.py").write_text("NUMBER = 4")
    (library / "other_part.py").write_text("NUMBER = 5")
    (tmp_path / "other_class.py").write_text(OTHER_CLASS)
    objects = ["#X obj 20 20 pyext other_class Other", "#X obj 20 60 pyext samplernn_pd samplernn"]
    patch = write_patch(
        tmp_path,
        *(objects[::-1] if order else objects),
        "#X obj 200 20 receive in",
        "#X obj 200 60 print status",
        "#X connect 2 0 0 1",
        "#X connect 2 0 1 1",
        f"#X connect {1 - order} 0 3 0",
    )
    with PdHost(patch, args=(*loader, "-path", str(PROJECT / "pd"))) as pd:
        pd.send("in")
        pd.wait_for("^other 4 5$")
        pd.send("in", "info")
        pd.wait_for("^status: info model none")


def test_no_module_of_the_project_lies_beside_the_patches_but_that_which_leads_to_it():
    modules = sorted(path.name for path in Path(PROJECT / "pd").glob("*.py"))
    assert modules == ["samplernn_pd.py"]
