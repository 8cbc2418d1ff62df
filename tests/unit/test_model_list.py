"""Where models are found, what a name completes to, and what the class tells of it."""

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from class_host import Host, SilentWorker
from places import GRU, PROJECT

from samplernn_pd.instrument import Instrument
from samplernn_pd.worker_link import WorkerLink
from sopilib.errors import CheckpointError
from sopilib.installation import model_card, models, paths
from sopilib.model.folder import find_model

CARD = """# tabla: a drum

![60 s](preview.png)

Strokes in *five* [cycles](data.md). Trained
for an hour.

| sound | 16 kHz |
|---|---|

```
samplernn train
```
## Licence
MIT
"""


def make_model(place, name, config='{"sample_rate": 22050}', weights="model.ckpt-1.index"):
    folder = place / name
    folder.mkdir(parents=True)
    (folder / f"{name}.config.json").write_text(config)
    (folder / weights).touch()
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a folder with models in `bundled`, `own` and `patch`, which are the only ones."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "models_folder", lambda: tmp_path / "bundled")
    own = models.user_models_folder()
    own.parent.mkdir(parents=True)
    own.symlink_to(tmp_path / "own")
    make_model(tmp_path / "bundled", "preludes")
    make_model(tmp_path / "bundled", "voce", weights="voce.int8.pack")
    make_model(tmp_path / "own", "tabla")
    make_model(tmp_path / "patch", "tambura")
    return tmp_path


def found_in(home, **folders):
    return [(m.name, m.kind.value) for m in models.find_models(models.model_places(**folders))]


def test_all_places_are_searched_and_bundled_models_come_first(home):
    make_model(home / "extra", "abbey")
    assert found_in(home, beside=[home / "patch"], on_path=[home / "extra"]) == [
        ("preludes", "bundled"),
        ("voce", "bundled"),
        ("tabla", "installed"),
        ("tambura", "patch"),
        ("abbey", "path"),
    ]


def test_a_model_beside_the_patch_hides_an_installed_and_that_a_bundled_one(home):
    make_model(home / "own", "voce")
    make_model(home / "patch", "tabla")
    listed = found_in(home, beside=[home / "patch"])
    assert ("voce", "installed") in listed
    assert ("tabla", "patch") in listed
    assert len(listed) == 4
    folders = models.search_folders([home / "patch"])
    assert folders[0] == home / "patch"
    assert folders.index(models.user_models_folder()) < folders.index(home / "bundled")


def test_a_folder_that_is_no_model_is_not_listed(home):
    (home / "bundled" / "presets").mkdir()
    (home / "bundled" / "presets" / "live.config.json").write_text("{}")
    (home / "bundled" / "empty").mkdir()
    make_model(home / "bundled", ".installing")
    assert found_in(home) == [
        ("preludes", "bundled"),
        ("voce", "bundled"),
        ("tabla", "installed"),
    ]


def test_a_bundled_folder_beside_the_patch_stays_bundled(home):
    assert ("voce", "bundled") in found_in(home, beside=[home / "bundled"])


@pytest.mark.parametrize(
    "config, arguments, rate",
    [
        ('{"sample_rate": 8000}', None, 8000),
        ('{\n// "sample_rate": 8000,\n"sample_rate": 44100}', None, 44100),
        ("{}", "--dim 3 --sample_rate 11025 --sample_rate 22050", 22050),
        ('{"sample_rate": null}', None, 0),
        ('{"sample_rate": 7}', None, 0),
        ("no json", None, 0),
        ('{"dim": 3, // was "sample_rate": 8000\n"sample_rate": 44100}', None, 44100),
        ('{"dim": 3 // was "sample_rate": 8000\n}', None, 0),
        ('{"teacher": {"sample_rate": 8000}}', None, 0),
        ('{"sample_rate": ' + "1" * 5000 + "}", None, 0),
        ("{}", "--sample_rate 22050 --sample_rate " + "1" * 5000, 22050),
    ],
)
def test_the_rate_is_the_stated_one_and_0_without_one(tmp_path, config, arguments, rate):
    folder = make_model(tmp_path, "m", config)
    if arguments:
        (folder / "args.txt").write_text(arguments)
    assert models.stated_rate(folder) == rate


def test_the_list_and_the_load_read_one_rate(tmp_path):
    """Whatever a config holds besides: both read it in the same way."""
    for number, text in enumerate(
        ['// was "sample_rate": 8000\n', '"old": {"sample_rate": 8000},', '"sample_rate": 8000,']
    ):
        folder = shutil.copytree(GRU, tmp_path / str(number))
        config = next(folder.glob("*.config.json"))
        config.write_text(config.read_text().replace("{", "{" + text, 1))
        loaded = find_model(folder)
        stated = 0 if loaded.rate_is_assumed else loaded.config.sample_rate
        assert models.stated_rate(folder) == stated


def odd_files(folder):
    """Put into a model's folder what no text is, under the names of its texts."""
    os.mkfifo(folder / "a.config.json")
    (folder / "args.txt").symlink_to("/dev/zero")
    (folder / "README.md").symlink_to("/dev/zero")


def test_files_that_are_no_texts_state_no_rate_and_are_no_card(tmp_path):
    folder = make_model(tmp_path, "m")
    odd_files(folder)
    assert models.stated_rate(folder) == 0
    assert model_card.card_of(folder) is None
    assert model_card.read_card(folder / "README.md") == ""


@pytest.mark.parametrize("part", ["![", "[", "![](", "```x\n", "[](", "a\n", "|", "#\n"])
def test_a_card_of_anything_is_read_in_no_time(tmp_path, part):
    path = tmp_path / "README.md"
    path.write_text(part * (4_000_000 // len(part)))
    begin = time.monotonic()
    card = model_card.read_card(path)
    assert 0 < len(card) <= 1 << 16
    model_card.description(card)
    model_card.wrapped(card, 76, 20)
    assert time.monotonic() - begin < 5


def test_the_beginning_of_one_name_is_completed(home):
    folders = models.search_folders([home / "patch"])
    assert models.complete_name("pre", folders) == str(home / "bundled" / "preludes")
    assert models.complete_name("tam", folders) == str(home / "patch" / "tambura")


def test_the_beginning_of_several_names_is_an_error_that_lists_them(home):
    with pytest.raises(CheckpointError, match=r"'ta' .* several models: tabla, tambura \("):
        models.complete_name("ta", models.search_folders([home / "patch"]))


def test_a_full_name_a_path_and_an_unknown_word_stay_as_they_are(home):
    make_model(home / "own", "tabla2")
    (home / "patch" / "pre.index").touch()
    folders = models.search_folders([home / "patch"])
    for name in ("tabla", "./tab", "models/ta", "zither", "pre", "", ".."):
        assert models.complete_name(name, folders) == name


@pytest.mark.parametrize("odd", ["x" * 900, "a\0b", "~nobody", "%s%n"])
def test_odd_names_and_folders_hold_no_model(home, odd):
    folders = [Path(odd), *models.search_folders([home / "patch"])]
    assert models.complete_name("pre", folders) == str(home / "bundled" / "preludes")
    assert models.complete_name(odd, folders) == odd


def test_a_name_in_two_places_is_the_one_that_is_searched_first(home):
    mine = make_model(home / "patch", "tabla")
    assert models.complete_name("tab", models.search_folders([home / "patch"])) == str(mine)


def test_without_the_variable_the_models_of_the_user_are_in_the_home(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert models.user_models_folder() == tmp_path / ".local/share/samplernn/models"


def test_a_package_for_pd_has_its_models_beside_the_patches(monkeypatch, tmp_path):
    def missing():
        raise paths.NotInstalledError("no pd")

    monkeypatch.setattr(paths, "models_folder", missing)
    monkeypatch.setattr(paths, "packages_folder", lambda: tmp_path)
    assert models.bundled_models_folder() is None
    (tmp_path / "samplernn.pd").touch()
    assert models.bundled_models_folder() == tmp_path


def test_a_card_becomes_lines_and_one_sentence():
    assert model_card.description(CARD) == "Strokes in *five* cycles."
    assert model_card.wrapped(CARD, 40, 9) == [
        "tabla: a drum",
        "Strokes in *five* cycles. Trained for an",
        "hour.",
        "sound: 16 kHz",
        "Licence",
        "MIT",
    ]
    assert model_card.wrapped(CARD, 40, 2) == model_card.wrapped(CARD, 40, 9)[:2]
    assert model_card.description("") == ""


class Session:
    """An instrument beside the models of `home`."""

    def __init__(self, home):
        self.host = Host()
        self.host.patch_folder = str(home / "patch")
        self.sent = []
        self.instrument = Instrument(self.host, PROJECT, WorkerLink(PROJECT, self._start))

    def _start(self, python, library_folder):
        worker = SilentWorker(python)
        self.sent = worker.sent
        return worker

    def answers(self, *words):
        """Send a message; return the statuses that answer it."""
        self.host.told.clear()
        self.instrument.receive(words[0], words[1:])
        deadline = time.monotonic() + 10
        while self.instrument.busy and time.monotonic() < deadline:
            self.instrument.wait(0.01)
            self.instrument.poll()
        return self.host.told


def test_models_are_listed_without_a_worker_and_end_with_their_number(home):
    session = Session(home)
    assert session.answers("models") == [
        "model preludes 22050 bundled",
        "model voce 22050 bundled",
        "model tabla 22050 installed",
        "model tambura 22050 patch",
        "models 4",
    ]
    assert session.sent == []


def test_a_further_folder_and_pds_path_are_searched_and_told_to_the_worker(home, monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", "python")
    make_model(home / "patch" / "sub folder", "harp")
    make_model(home / "extra", "oud", "{}")
    session = Session(home)
    session.host.search_folders = (str(home / "extra"),)
    assert session.answers("models_in", "sub folder") == []
    assert session.answers("models")[-3:] == [
        "model tambura 22050 patch",
        "model oud 0 path",
        "models 6",
    ]
    session.host.told.clear()
    session.instrument.receive("load", ["ha"])
    (load,) = session.sent
    patch = home / "patch"
    assert load.search == (str(patch), str(patch / "sub folder"), str(home / "extra"))


def test_a_question_is_answered_whatever_its_folders_hold(home, monkeypatch):
    odd_files(make_model(home / "patch", "zz"))
    session = Session(home)
    assert "model zz 0 patch" in session.answers("models")
    assert session.answers("card", "zz")[0].startswith("error card: zz has no card")
    monkeypatch.setattr(models, "find_models", lambda places: int("x"))
    assert session.answers("models")[0].startswith("error models: ValueError: invalid literal")
    assert not session.instrument.busy
    monkeypatch.setattr(threading.Thread, "start", _refuse)
    assert session.answers("models")[0].startswith("error models: the system refuses: can't start")
    assert not session.instrument.busy


def _refuse(thread):
    raise RuntimeError("can't start new thread")


def test_a_slow_disk_holds_up_no_message(home, monkeypatch):
    session, is_read = Session(home), threading.Event()
    monkeypatch.setattr(models, "find_models", lambda places: [] if is_read.wait(60) else None)
    session.instrument.receive("models", [])
    session.instrument.poll()
    assert session.host.told == []
    session.instrument.receive("info", [])
    assert session.host.told[0] == "info model none"
    is_read.set()
    assert session.answers("info")[-1] == "models 0"


def test_the_card_is_told_line_by_line_and_a_missing_one_is_one_error(home):
    (home / "own" / "tabla" / "README.md").write_text(CARD)
    session = Session(home)
    told = session.answers("card", "tab")
    file = home / "data/samplernn/models/tabla/README.md"
    assert told[0] == f"card tabla {file} 5"
    assert told[1] == "card_line 1 tabla: a drum"
    assert told[-1] == "card_line 5 MIT"
    for words, reason in [
        (("card",), "error card: preludes has no card"),
        (("card", "ta"), "error 'ta' is the beginning of several models: tabla, tambura"),
        (("card", "oud"), "error card: no model oud"),
    ]:
        (error,) = session.answers(*words)
        assert error.startswith(reason)
