"""The Python that runs the worker: isolated from its packages, or replaced by the fallback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from golden import copy_checkpoint, needs_tensorflow
from places import GRU, PROJECT
from processes import is_running, returns
from pythons import (
    INSTALLED,
    OTHER_VERSIONS,
    command_line,
    copy_library,
    make_environment,
    packages_but,
    python_of,
    site_packages,
    write_script,
)
from worker_requests import generate, receive, receive_take

from samplernn_pd import process
from samplernn_pd.client import WorkerClient, WorkerGone
from sopilib.errors import RequestError
from sopilib.installation import worker_python
from sopilib.protocol import messages

ANY = (messages.Notice, messages.Hello, messages.Loaded, messages.Failure, WorkerGone)


@pytest.fixture
def start():
    """Yield a function that makes a WorkerClient with the tests' Python to fall back on."""
    clients = []

    def start(python, library=PROJECT, fallback=sys.executable):
        clients.append(WorkerClient(str(python), library, fallback))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def no_tensorflow(tmp_path_factory):
    """Return an environment with all packages but TensorFlow."""
    folder = tmp_path_factory.mktemp("no-tensorflow")
    return make_environment(folder / "env", packages_but(folder / "packages", "tensorflow"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return an environment with no package at all."""
    return make_environment(tmp_path_factory.mktemp("bare") / "env")


def load(client, path=GRU, **fields):
    """Return the events up to the answer to the load of a model."""
    client.send(messages.Load(str(path), **fields))
    events = [receive(client, *ANY)]
    while isinstance(events[-1], (messages.Notice, messages.Hello)):
        events.append(receive(client, *ANY))
    return events


def load_after_notice(client, path=GRU):
    """Return the text of the notice that comes before the model is loaded all the same."""
    events = load(client, path)
    assert isinstance(events[-1], messages.Loaded), events
    (notice,) = [event.text for event in events if isinstance(event, messages.Notice)]
    assert notice.endswith(f"; {sys.executable} is used instead")
    assert "\n" not in notice
    return notice.removesuffix(f"; {sys.executable} is used instead")


def assert_loads_itself(client, path=GRU):
    """Load without a notice, in the Python that was named."""
    assert [type(event) for event in load(client, path)] == [messages.Hello, messages.Loaded]
    assert command_line(client.pid)[0] == client.python


# Isolated


FOREIGN = "raise ImportError('the package of another project')\n"


def clash_package(packages, monkeypatch):
    (packages / "sopilib").mkdir()
    (packages / "sopilib" / "__init__.py").write_text(FOREIGN)


def clash_loaded_at_startup(packages, monkeypatch):
    (packages / "sopilib" / "worker").mkdir(parents=True)
    (packages / "sopilib" / "__init__.py").write_text("")
    (packages / "sopilib" / "worker" / "__init__.py").write_text(FOREIGN)
    (packages / "first.pth").write_text("import sopilib\n")


def clash_finder(packages, monkeypatch):
    """As an editable installation may leave it."""
    clash_loaded_at_startup(packages, monkeypatch)
    (packages / "_finder.py").write_text(
        "import sys\nfrom importlib.machinery import PathFinder\n\nclass Finder:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.startswith('sopilib'):\n"
        f"            return PathFinder.find_spec(name, [{str(packages / 'sopilib')!r}] "
        f"if path else [{str(packages)!r}])\n\nsys.meta_path.insert(0, Finder)\n"
    )
    (packages / "first.pth").write_text("import _finder\n")


def clash_module_on_pythonpath(packages, monkeypatch):
    folder = packages / "elsewhere"
    folder.mkdir()
    (folder / "sopilib.py").write_text(FOREIGN)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def clash_module_in_the_current_folder(packages, monkeypatch):
    for name in ("sopilib", "numpy", "queue"):
        (packages / "elsewhere").mkdir(exist_ok=True)
        (packages / "elsewhere" / f"{name}.py").write_text(FOREIGN)
    monkeypatch.chdir(packages / "elsewhere")


@pytest.mark.parametrize(
    "clash",
    [
        clash_package,
        clash_loaded_at_startup,
        clash_finder,
        clash_module_on_pythonpath,
        clash_module_in_the_current_folder,
    ],
    ids=lambda clash: clash.__name__.removeprefix("clash_"),
)
def test_our_package_wins_whatever_else_has_its_name(tmp_path, monkeypatch, start, clash):
    python = make_environment(tmp_path / "env", INSTALLED)
    clash(site_packages(tmp_path / "env"), monkeypatch)
    assert_loads_itself(start(python))


@pytest.mark.parametrize("is_on_pythonpath", [False, True])
def test_packages_beside_ours_do_not_hide_those_of_the_python(
    tmp_path, monkeypatch, start, is_on_pythonpath
):
    """As in the site-packages of another version, whose numpy has no kernels for this one."""
    library = copy_library(tmp_path / "site-packages")
    for name in ("numpy", "soundfile", "soxr", "tensorflow"):
        (library / name).mkdir()
        (library / name / "__init__.py").write_text(FOREIGN)
    if is_on_pythonpath:
        monkeypatch.setenv("PYTHONPATH", str(library))
    assert_loads_itself(start(make_environment(tmp_path / "env", INSTALLED), library))


def test_packages_beside_ours_do_not_stand_in_for_missing_ones(tmp_path, start, bare):
    library = copy_library(tmp_path / "site-packages")
    (library / "numpy").mkdir()
    (library / "numpy" / "__init__.py").write_text(FOREIGN)
    assert load_after_notice(start(bare, library)).startswith(f"{bare} has no numpy (")


def test_the_recorded_python_has_the_packages_beside_ours(tmp_path, start, bare):
    """As `pip install --target` leaves them."""
    library = packages_but(tmp_path / "site-packages")
    copy_library(library)
    (library / "samplernn_pd" / "worker_python.txt").write_text(bare + "\n")
    assert_loads_itself(start(bare, library))


def test_without_a_recorded_python_the_error_names_what_records_one(tmp_path, monkeypatch):
    monkeypatch.delenv("SAMPLERNN_PYTHON", raising=False)
    monkeypatch.setattr(worker_python, "RECORD", tmp_path / "none")
    with pytest.raises(RequestError, match=r"no Python for the worker \(run `make install`, set "):
        worker_python.worker_python()


# Which Python can serve


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_a_python_of_another_version_says_so_and_the_installations_goes_on(start, version):
    python = python_of(version)
    notice = load_after_notice(start(python))
    assert notice.startswith(f"Python {version}.")
    assert notice.endswith(f" at {python} cannot run the worker (name one of 3.10 to 3.13)")


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13"])
def test_a_python_without_packages_says_which_it_lacks(start, version):
    """A Python of a supported version, in an environment without packages."""
    python = python_of(version)
    if subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0:
        pytest.skip(f"{python} has numpy")
    assert load_after_notice(start(python)).startswith(f"{python} has no numpy (")


def test_an_environment_without_numpy_is_replaced(start, bare):
    assert load_after_notice(start(bare)) == f"{bare} has no numpy ({bare} -m pip install numpy)"


@pytest.mark.parametrize("package", ["soundfile", "soxr"])
def test_an_environment_without_an_audio_package_is_replaced(tmp_path, start, package):
    packages = packages_but(tmp_path / "packages", package)
    python = make_environment(tmp_path / "env", packages)
    assert load_after_notice(start(python)).startswith(f"{python} has no {package} (")


def test_a_package_that_is_broken_is_named_in_one_line(tmp_path, start):
    packages = packages_but(tmp_path / "packages", "numpy")
    (packages / "numpy.py").write_text("raise ImportError('no kernels\\nfor this Python')\n")
    python = make_environment(tmp_path / "env", packages)
    notice = load_after_notice(start(python))
    assert notice == f"{python} cannot import a package: no kernels (install it again)"


@pytest.mark.parametrize(
    "python, quoted",
    [
        ("/no/such/python", "No such file"),
        ("/bin", "Permission denied"),
        ("/bin/false", "status 1"),
    ],
)
def test_what_is_no_python_is_replaced(start, python, quoted):
    assert quoted in load_after_notice(start(python))


def test_a_program_that_says_something_else_is_replaced(tmp_path, start):
    python = write_script(tmp_path / "python", "echo Welcome", "exec sleep 60")
    assert "is not a Python that can run the worker" in load_after_notice(start(python))


def test_a_program_that_never_answers_is_replaced(tmp_path, start, monkeypatch):
    monkeypatch.setattr(process, "HELLO_LIMIT_S", 20.0)
    python = write_script(tmp_path / "python", f'exec "{sys.executable}" -c "{_SLEEP}"')
    notice = load_after_notice(start(python))
    assert notice == f"{python!r} did not answer within 20 s (load again)"


_SLEEP = "import time; time.sleep(600)"


def test_a_python_without_tensorflow_plays_a_packed_model_itself(start, no_tensorflow):
    load(start(sys.executable))  # packs the weights
    assert_loads_itself(start(no_tensorflow))


def test_a_model_to_be_packed_first_goes_to_the_installations_python(
    tmp_path, start, no_tensorflow
):
    """The fallback gets everything sent after the load; the first hello is the only one."""
    needs_tensorflow()
    client = start(no_tensorflow)
    copy_checkpoint("gru_mulaw", tmp_path / "unpacked")
    client.send(messages.Load(str(tmp_path / "unpacked")))
    client.send(messages.Generate(1, dur_s=0.0333, rng_seed=5))
    assert isinstance(receive(client, *ANY), messages.Hello)
    assert f"{no_tensorflow} has no tensorflow (" in receive(client, *ANY).text
    assert isinstance(receive(client, *ANY), messages.Loaded)
    _, first = receive_take(client)
    assert command_line(client.pid)[0] == sys.executable
    assert np.array_equal(generate(client)[1], first)


def test_a_model_to_be_packed_after_another_goes_there_too(tmp_path, start, no_tensorflow):
    needs_tensorflow()
    load(start(sys.executable))
    client = start(no_tensorflow)
    assert_loads_itself(client)
    notice = load_after_notice(client, copy_checkpoint("gru_mulaw", tmp_path / "unpacked"))
    assert notice.startswith(f"{no_tensorflow} has no tensorflow (")


def test_where_the_second_python_cannot_load_it_either_nothing_stays_loaded(
    tmp_path, start, no_tensorflow
):
    """Otherwise the class would still have a model that the new worker lacks."""
    needs_tensorflow()
    load(start(sys.executable))
    client = start(no_tensorflow)
    assert_loads_itself(client)
    damaged = copy_checkpoint("gru_mulaw", tmp_path / "damaged")
    data = damaged / "model.ckpt-1.data-00000-of-00001"  # its length is checked without TensorFlow
    data.write_bytes(bytes(byte ^ 255 for byte in data.read_bytes()))
    *_, failure = load(client, damaged)
    assert "damaged" in failure.text
    gone = receive(client, *ANY)
    assert gone.reason == "the previously loaded model is gone too (load it again)"


def test_a_python_with_neither_engine_nor_tensorflow_is_replaced(tmp_path, start, no_tensorflow):
    """As one of a version that the engine was not built for."""
    needs_tensorflow()
    library = copy_library(tmp_path / "library", with_engine=False)
    notice, *_, loaded = load(start(no_tensorflow, library))
    assert isinstance(loaded, messages.Loaded)
    assert notice.text.startswith(
        f"{no_tensorflow} has no TensorFlow, and the engine is not built for Python 3."
    )


def test_a_load_that_needs_the_engine_goes_to_a_python_that_has_it(tmp_path, start):
    """It fails in one line if the fallback has none either."""
    needs_tensorflow()
    python = make_environment(tmp_path / "env", INSTALLED)
    library = copy_library(tmp_path / "library", with_engine=False)
    *_, notice, failure = load(start(python, library), engine="native")
    assert notice.text.startswith("the engine is not built (")
    assert failure.text.startswith("the engine is not built (")


def test_a_python_that_plays_with_tensorflow_alone_says_that_it_is_slow(tmp_path, start):
    """As one of a version that the engine was not built for."""
    needs_tensorflow()
    python = make_environment(tmp_path / "env", INSTALLED)
    client = start(python, copy_library(tmp_path / "library", with_engine=False))
    _, notice, loaded = load(client)
    assert notice.text.startswith("the engine is not built for Python 3.")
    assert f"at {python}: TensorFlow makes the takes" in notice.text
    assert ["engine", "tensorflow"] in [list(fact) for fact in loaded.facts]
    assert command_line(client.pid)[0] == python


def test_a_python_whose_tensorflow_crashes_is_replaced(tmp_path, start):
    needs_tensorflow()
    packages = packages_but(tmp_path / "packages", "tensorflow")
    (packages / "tensorflow.py").write_text("import os\nos.abort()\n")
    python = make_environment(tmp_path / "env", packages)
    model = copy_checkpoint("gru_mulaw", tmp_path / "unpacked")
    notice = load_after_notice(start(python), model)
    assert notice == "the worker was killed by signal 6 (load again)"


# Cases where the fallback fails too, and where it is not tried


def test_where_the_other_python_cannot_serve_either_the_worker_is_gone(start, bare):
    *_, notice, gone = load(start("/no/such/python", fallback=bare))
    assert notice.text.endswith(f"; {bare} is used instead")
    assert gone.reason == f"{bare} has no numpy ({bare} -m pip install numpy)"


@pytest.mark.parametrize("fallback", [None, "/no/such/python"])
def test_without_another_python_there_is_no_notice(start, fallback):
    (gone,) = load(start("/no/such/python", fallback=fallback))
    assert gone.reason.startswith("cannot start Python '/no/such/python': No such file")


def test_a_worker_that_someone_kills_is_not_replaced(tmp_path, start):
    client = start(make_environment(tmp_path / "env", INSTALLED))
    receive(client, messages.Hello)
    os.kill(client.pid, signal.SIGKILL)
    assert receive(client, *ANY).reason == "the worker was killed by signal 9 (load again)"


def test_a_model_that_is_damaged_is_no_reason_for_another_python(tmp_path, start):
    python = make_environment(tmp_path / "env", INSTALLED)
    *_, failure = load(start(python), tmp_path / "nothing")
    assert failure.text.startswith(f"no model '{tmp_path}/nothing'")
    assert not failure.other_python


def test_no_call_waits_for_a_python_that_is_slow_or_being_replaced(tmp_path, start):
    """Neither Python ever reads; the first one ends when the test opens its fifo."""
    os.mkfifo(tmp_path / "end")
    first = write_script(tmp_path / "first", f"cat {tmp_path}/end", "exit 1")
    second = write_script(tmp_path / "second", "exec sleep 600")
    client = start(first, fallback=str(second))

    def call():
        client.send(messages.Stop())
        client.next_event()

    assert returns(lambda: [call() for _ in range(100)])
    while client.pid is None:
        assert returns(call)
    (tmp_path / "end").write_text("")
    first_pid = client.pid
    while client.pid == first_pid:
        assert returns(call)
    assert returns(lambda: [call() for _ in range(100)])
    assert is_running(client.pid)
    assert returns(client.close)


def test_no_process_is_left_where_the_client_closes_while_it_replaces_the_python(start, tmp_path):
    client = start(write_script(tmp_path / "python", "exit 1"))
    receive(client, messages.Notice)
    client.close()
    client.join(10)
    assert client.next_event() is None
    assert client.pid is None or not Path(f"/proc/{client.pid}").exists()
