"""Models in zip files: what is packed, what is refused, and what `install` puts where."""

import contextlib
import os
import shutil
import stat
import zipfile

import pytest
from exported_model import write_exported

from sopilib.commands.main import main
from sopilib.errors import RequestError
from sopilib.installation.models import user_models_folder
from sopilib.model import package

NAME = "drum"
CARD = "# drum: a test\n\nOne stroke.\n\n## Licence\nMIT\n"
PLOTS = ("preview.png", "beside_recordings.png")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return an exported model with card and preview; it loads without TensorFlow."""
    folder = write_exported(tmp_path_factory.mktemp("exported") / NAME, CARD)
    (folder / "preview.flac").write_bytes(b"sound")
    for name in PLOTS:
        (folder / name).write_bytes(b"plot")
    (folder / "notes.txt").write_text("private")
    return folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the user's folder of models, empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return user_models_folder()


def zip_of(tmp_path, *entries):
    """Write a zip file of (name or ZipInfo, content)."""
    path = tmp_path / "made.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def error_of(capsys, *words):
    """Run a command that fails; return its one line."""
    assert main([str(word) for word in words]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_shared_model_is_installed_elsewhere(exported, own, tmp_path, capsys):
    path = tmp_path / "out" / "drum.zip"
    assert main(["share", str(exported), "--output_path", str(path)]) == 0
    names = {"drum.int8.pack", "drum.config.json", "README.md", "preview.flac", *PLOTS}
    with zipfile.ZipFile(path) as archive:
        assert set(archive.namelist()) == {f"drum/{name}" for name in names}
    assert main(["install", str(path)]) == 0
    assert {file.name for file in (own / NAME).iterdir()} == names
    assert [entry.name for entry in own.iterdir()] == [NAME]
    capsys.readouterr()
    assert main(["models"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("drum ")]
    assert "16000 Hz" in line
    assert "installed  One stroke." in line


def test_legal_texts_go_with_a_model_and_a_notice_is_no_licence(exported, own, tmp_path, capsys):
    folder = tmp_path / NAME
    shutil.copytree(exported, folder)
    texts = {"NOTICE.txt", "Notice", "COPYING", "LICENCE.md"}
    for name in texts:
        (folder / name).write_text(name)
    path = tmp_path / "drum.zip"
    assert main(["share", str(folder), "--output_path", str(path)]) == 0
    with zipfile.ZipFile(path) as archive:
        assert {f"drum/{name}" for name in texts} < set(archive.namelist())
    assert main(["install", str(path)]) == 0
    assert texts < {file.name for file in (own / NAME).iterdir()}
    for name in ("COPYING", "LICENCE.md"):
        (folder / name).unlink()
    (folder / "README.md").write_text("# drum: a test\n")
    assert "no licence" in error_of(capsys, "share", folder, "--output_path", path)


def test_a_model_of_that_name_is_replaced_only_on_demand(exported, own, capsys):
    assert main(["install", str(exported)]) == 0
    (own / NAME / "README.md").write_text("mine")
    line = error_of(capsys, "install", exported)
    assert "a model drum is in" in line
    assert "--overwrite" in line
    assert (own / NAME / "README.md").read_text() == "mine"
    assert main(["install", str(exported), "--overwrite"]) == 0
    assert (own / NAME / "README.md").read_text() == CARD
    assert [entry.name for entry in own.iterdir()] == [NAME]


def test_a_bundled_name_is_hidden_only_on_demand(exported, own, capsys):
    line = error_of(capsys, "install", exported, "--name", "preludes")
    assert "a model preludes is bundled" in line
    assert main(["install", str(exported), "--name", "drum 2"]) == 0
    assert (own / "drum 2" / "drum.config.json").is_file()


@pytest.mark.parametrize("name", ["../drum", ".drum", "a/b", "", "a;b"])
def test_a_name_that_leads_elsewhere_is_refused(exported, own, capsys, name):
    if name:
        assert "is no name for a model" in error_of(capsys, "install", exported, "--name", name)
    with pytest.raises(RequestError):
        package.check_name(name)


def test_a_model_that_does_not_load_leaves_nothing(exported, own, tmp_path, capsys):
    pack = (exported / "drum.int8.pack").read_bytes()
    path = zip_of(
        tmp_path,
        ("drum/drum.config.json", (exported / "drum.config.json").read_bytes()),
        ("drum/drum.int8.pack", pack[: len(pack) // 2]),
    )
    assert "drum.int8.pack" in error_of(capsys, "install", path)
    assert list(own.iterdir()) == []


def test_what_is_no_model_is_one_error(own, tmp_path, capsys):
    (tmp_path / "text.zip").write_text("no zip")
    assert "is not a sound zip file" in error_of(capsys, "install", tmp_path / "text.zip")
    assert "no file or folder" in error_of(capsys, "install", tmp_path / "gone.zip")
    assert "holds no model" in error_of(capsys, "install", zip_of(tmp_path, ("a.txt", "a")))
    two = [(f"{name}/{name}{end}", "{}") for name in "ab" for end in (".config.json", ".pack")]
    assert "several models: a, b" in error_of(capsys, "install", zip_of(tmp_path, *two))
    assert list(own.iterdir()) == []


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "entry, reason",
    [
        ("../evil", "leads out"),
        ("drum/../../evil", "leads out"),
        ("/tmp/evil", "leads out"),
        ("drum//evil", "leads out"),
        ("drum/./evil", "leads out"),
        ("drum\\..\\evil", "is no path of every system"),
        ("C:evil", "is no path of every system"),
        ("drum/ev\nil", "is no path of every system"),
        (link("drum/evil"), "is a link"),
        ("drum/README.md", "is there twice"),
        ("drum/readme.MD", "is there twice"),
    ],
)
def test_a_hostile_name_stops_everything(tmp_path, entry, reason):
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *words, **more: None)
        archive.writestr("drum/README.md", CARD)
        archive.writestr(entry, "/etc/passwd")
    folder = tmp_path / "into" / "here"
    folder.mkdir(parents=True)
    with pytest.raises(RequestError, match=reason):
        package.unpack(path, folder)
    assert list(folder.iterdir()) == []
    assert sorted(os.listdir(tmp_path)) == ["hostile.zip", "into"]


def test_an_archive_that_swells_is_stopped_by_what_it_unpacks(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(3_000_000))
        archive.writestr("b", bytes(3_000_000))
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(package, "MAX_BYTES", 4_000_000)
    with pytest.raises(RequestError, match="larger than 0.0 GB unpacked"):
        package.unpack(path, tmp_path)
    assert sum((tmp_path / name).stat().st_size for name in "ab") <= 4_000_000


def test_an_archive_of_very_many_files_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(package, "MAX_FILES", 3)
    path = zip_of(tmp_path, *[(f"f{number}", "") for number in range(4)])
    with pytest.raises(RequestError, match=r"4 files \(at most 3\)"):
        package.unpack(path, tmp_path)


def test_what_a_shared_model_lacks_is_said_in_one_line(exported, tmp_path, capsys):
    (tmp_path / "bare").mkdir()
    for name in ("drum.int8.pack", "drum.config.json"):
        (tmp_path / "bare" / name).write_bytes((exported / name).read_bytes())
    words = ("share", tmp_path / "bare", "--output_path", tmp_path / "bare.zip")
    line = error_of(capsys, *words)
    assert all(lacking in line for lacking in ("no card", "no licence", "no preview"))
    (tmp_path / "bare" / "README.md").write_text("# bare\n\nA sound.\n")
    (tmp_path / "bare" / "preview.wav").touch()
    line = error_of(capsys, *words)
    assert "no licence" in line
    assert "no card" not in line
    (tmp_path / "bare" / "LICENSE").write_text("MIT")
    assert main([str(word) for word in words]) == 0


@pytest.mark.parametrize(
    "packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_zip_file_is_one_error_wherever_the_damage_is(tmp_path, packing):
    path, into = tmp_path / "made.zip", tmp_path / "into"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("drum/drum.config.json", '{"dim": 8, "frame_sizes": [16, 64]}')
        archive.writestr("drum/caf\u00e9.txt", "one stroke")
    content = path.read_bytes()
    for place in range(len(content)):
        for value in (0xFF, content[place] ^ 1):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            into.mkdir()
            with contextlib.suppress(RequestError):
                package.unpack(path, into)
            shutil.rmtree(into)
