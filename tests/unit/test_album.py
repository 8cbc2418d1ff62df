"""`samplernn album`: tracks chosen, mastered and tagged; resumed, added to, made again, kept."""

import contextlib
import errno
import html.parser
import json
import os
import resource
import shutil
import sys

import numpy as np
import pytest
import soundfile
from damaged_zip import encrypted, unknown_method
from exported_model import write_exported

from sopilib.album import cluster_runner, job
from sopilib.album.job import run_job
from sopilib.album.mastering import true_peak
from sopilib.album.settings import AlbumSettings, track_plan
from sopilib.album.work_folder import WorkFolder
from sopilib.audio.loudness import loudness_lufs
from sopilib.commands.main import main

pytest.importorskip("pyloudnorm")

RATE = 16000
FLAGS = ["--dur", "0.5:0.7", "--temperature", "0.9:1", "--best_of", "2", "--rng_seed", "7"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [write_exported(folder / name) for name in ("bells", "drums")]


def album(models, out, *more):
    """Run `album` with models, in one process, and return its exit status."""
    paths = ["--ckpt_dir", *map(str, models)] if models else []
    return main(["album", *paths, "--out", str(out), "--processes", "1", *map(str, more)])


@pytest.fixture(scope="module")
def whole(models, tmp_path_factory):
    """Return the folder of an album of three tracks; tests copy it."""
    folder = tmp_path_factory.mktemp("albums") / "night"
    assert album(models, folder, "--tracks", 3, *FLAGS) == 0
    return folder


@pytest.fixture
def night(whole, tmp_path):
    """Return a copy of the album."""
    return shutil.copytree(whole, tmp_path / "night")


@pytest.fixture
def jobs_done(monkeypatch):
    """Return the list of (track, place) of the jobs that are done from now on."""
    done = []

    def noted(one):
        done.append(one.key)
        return run_job(one)

    monkeypatch.setattr("sopilib.album.local_runner.run_job", noted)
    return done


def contents(folder, *left_out):
    """Return the bytes of the files in a folder, by name; the page holds the folder's path."""
    left_out = ("album.html", *left_out)
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name not in left_out}


def test_an_album_has_its_tracks_their_records_and_nothing_else(whole, models):
    assert sorted(p.name for p in whole.iterdir()) == [
        *(f"0{k}.{suffix}" for k in (1, 2, 3) for suffix in ("flac", "json", "png")),
        "album.html",
        "album.json",
    ]
    values = json.loads((whole / "album.json").read_text())
    assert [track["model"] for track in values["tracks"]] == ["bells", "drums", "bells"]
    assert (values["title"], values["rng_seed"], values["dur_s"]) == ("night", 7, [0.5, 0.7])
    for number, track in enumerate(values["tracks"], 1):
        assert track == json.loads((whole / f"0{number}.json").read_text())["track"]
        assert 0.5 <= track["dur_s"] <= 0.7 and 0.9 <= track["temperature"] <= 1
        assert track["choice"]["of"] == 2
        with soundfile.SoundFile(whole / track["file"]) as sound:
            assert sound.frames == round(track["dur_s"] * RATE)
            assert (sound.title, sound.album) == (track["title"], "night")
            assert sound.tracknumber == str(number)
            assert f"rng_seed {track['rng_seed']}" in sound.comment
            audio = sound.read(dtype="float32")
        assert loudness_lufs(audio, RATE) == pytest.approx(-16, abs=0.1) == track["loudness_lufs"]
        assert 20 * np.log10(true_peak(audio)) < -1 and track["true_peak_dbfs"] < -1
        assert abs(audio[0]) < 1e-3 and np.abs(audio[-100:]).max() < 0.02 < np.abs(audio).max()
    seeds = [one["rng_seed"] for t in values["tracks"] for one in t["choice"]["candidates"]]
    assert len(set(seeds)) == 6


def test_a_record_of_a_track_makes_its_take_again(night, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--from", "night/02.json", "--output_path", "x.wav"]) == 0
    before = json.loads((night / "02.json").read_text())["takes"]
    assert json.loads((tmp_path / "x.json").read_text())["takes"] == before


def test_finished_tracks_stay_and_lost_ones_are_made_from_the_chosen_take(
    night, whole, models, jobs_done
):
    assert album(models, night, "--tracks", 3, *FLAGS) == 0
    assert jobs_done == []
    (night / "02.flac").unlink()
    for path in night.glob("03.*"):
        path.unlink()
    assert album(None, night) == 0
    assert [track for track, _ in jobs_done] == [2, 3]
    assert contents(night) == contents(whole)


def test_album_json_alone_makes_the_album_again(whole, tmp_path, jobs_done):
    (tmp_path / "night").mkdir()
    shutil.copy(whole / "album.json", tmp_path / "night")
    assert album(None, tmp_path / "night") == 0
    assert len(jobs_done) == 3
    assert contents(tmp_path / "night") == contents(whole)


def test_tracks_are_added_and_parts_make_the_whole(night, whole, models, tmp_path, capsys):
    assert album(models, night, "--tracks", 5) == 0
    parts = tmp_path / "parts" / "night"
    for place in (2, 1):
        assert album(models, parts, "--tracks", 5, *FLAGS, "--array", f"{place}/2") == 0
        assert not (parts / "album.html").exists()
        assert json.loads((parts / "album.json").read_text())["tracks"] == []
    assert sorted(p.name for p in parts.glob("*.flac")) == [f"0{k}.flac" for k in range(1, 6)]
    assert album(None, parts) == 0
    assert contents(parts) == contents(night)
    old = contents(whole, "album.json")
    assert {name: contents(night)[name] for name in old} == old


@pytest.mark.parametrize(
    "more, told",
    [
        (["--dur", "1:2"], "was begun with --dur 0.5:0.7, not 1:2 (leave the flag out"),
        (["--temperature", "1"], "was begun with --temperature 0.9:1, not 1 ("),
        (["--best_of", "3"], "was begun with --best_of 2, not 3 ("),
        (["--rng_seed", "8"], "was begun with --rng_seed 7, not 8 ("),
        (["--title", "day"], "was begun with --title night, not day ("),
        (["--sample_rate", "8000"], "was begun with --sample_rate None, not 8000 ("),
        (["--precision", "float32"], "was begun with --precision int8 (leave it out)"),
        (["--tracks", "2"], "has 3 tracks, not 2 (give --tracks 3 or more"),
    ],
)
def test_other_settings_of_an_album_are_refused(more, told, night, capsys):
    before = contents(night)
    assert album(None, night, *more) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert contents(night) == before


def test_other_models_of_an_album_are_refused(night, models, capsys):
    assert album(models[:1], night) == 1
    assert "was begun with --ckpt_dir" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["02.flac", "02.json", "02.png", "album.html", "album.json"])
def test_files_of_someone_else_stay(name, models, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes(b"mine")
    assert album(models, out, "--tracks", 2, *FLAGS) == 1
    error = capsys.readouterr().err
    assert str(out / name).removesuffix(".json").removesuffix(".png") in error
    assert error.count("\n") == 1
    assert (out / name).read_bytes() == b"mine"
    assert not list(out.glob("01.*"))


def test_a_track_that_was_edited_stays(night, capsys, jobs_done):
    (night / "02.flac").write_bytes(b"edited")
    assert album(None, night) == 0
    assert "02.flac was changed after it was made and stays" in capsys.readouterr().out
    assert (night / "02.flac").read_bytes() == b"edited" and jobs_done == []


class Killed(Exception):
    """Stands for a kill: nothing in the program expects it."""


def kill_after(key, models, out, monkeypatch):
    """Begin an album of three tracks in `out`, which ends once the take of `key` is kept."""
    keep = WorkFolder.keep

    def keep_or_die(self, one, take):
        keep(self, one, take)
        if one.key == key:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(WorkFolder, "keep", keep_or_die)
        with pytest.raises(Killed):
            album(models, out, "--tracks", 3, *FLAGS)


def test_a_killed_album_goes_on_with_the_takes_that_it_has(
    whole, models, tmp_path, monkeypatch, jobs_done
):
    out = tmp_path / "night"
    kill_after((2, 0), models, out, monkeypatch)
    assert jobs_done == [(1, 0), (1, 1), (2, 0)]
    assert sorted(p.name for p in out.iterdir())[:3] == ["01.flac", "01.json", "01.png"]
    page = (out / "album.html").read_text()
    assert 'src="01.flac"' in page and 'src="02.flac"' not in page
    (out / "unfinished" / "03-1.npz").write_bytes(b"PK\x03\x04 damaged")
    assert album(models, out, "--tracks", 3, *FLAGS) == 0
    assert jobs_done[3:] == [(2, 1), (3, 0), (3, 1)]
    assert contents(out) == contents(whole)


def change_samples(path):
    with np.load(path) as arrays:
        values, levels = arrays["values"], arrays["levels"]
    levels[100:200] ^= 1
    np.savez(path, values=values, levels=levels)


@pytest.mark.parametrize(
    "damage",
    [
        change_samples,
        lambda path: path.write_bytes(encrypted(path.read_bytes())),
        lambda path: path.write_bytes(unknown_method(path.read_bytes())),
    ],
)
def test_a_take_that_was_damaged_is_made_again(damage, whole, models, tmp_path, monkeypatch):
    out = tmp_path / "night"
    kill_after((1, 1), models, out, monkeypatch)
    for path in (out / "unfinished").glob("01-*.npz"):
        damage(path)
    assert album(models, out, "--tracks", 3, *FLAGS) == 0
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    "field, value",
    [
        ("title", None),
        ("model", ""),
        ("dur_s", "long"),
        ("sample_rate", 0),
        ("bits_per_sample", "few"),
        ("gain_db", None),
        ("limited_db", []),
        ("loudness_lufs", "loud"),
        ("true_peak_dbfs", {}),
    ],
)
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_track_with_a_wrong_field_is_one_line(field, value, is_missing, night, capsys):
    def damaged(track):
        rest = {name: kept for name, kept in track.items() if name != field}
        return rest if is_missing else {**rest, field: value}

    record = json.loads((night / "02.json").read_text())
    (night / "02.json").write_text(json.dumps({**record, "track": damaged(record["track"])}))
    command = ["album", "--out", str(night)]
    for more, told in (([], "is no track of this album"), (["--keep", "2"], "is not finished")):
        assert main([*command, *more]) == 1
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1
    values = json.loads((night / "album.json").read_text())
    values["tracks"][1] = damaged(values["tracks"][1])
    (night / "album.json").write_text(json.dumps(values))
    assert album(None, night) == 1
    error = capsys.readouterr().err
    assert f'album.json: {"no " if is_missing else ""}"{field}"' in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "name, value, told",
    [
        ("dur_s", [0, 0], "expected two numbers above 0, in order"),
        ("dur_s", [2, 1], "expected two numbers above 0, in order"),
        ("dur_s", [1e-9, 1], "is less than a sample at 16000 Hz"),
        ("temperature", [1, 0.9], "expected two numbers from 0 on, in order"),
    ],
)
def test_settings_of_an_album_that_cannot_be_used_are_one_line(name, value, told, night, capsys):
    values = json.loads((night / "album.json").read_text())
    (night / "album.json").write_text(json.dumps({**values, name: value}))
    for path in night.glob("0*"):
        path.unlink()
    assert album(None, night) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1


@pytest.mark.parametrize("name", ["album.html", "02.png"])
def test_a_pipe_with_the_name_of_a_file_is_refused(name, night, capsys):
    for path in night.glob("02.*"):
        path.unlink()
    (night / name).unlink(missing_ok=True)
    os.mkfifo(night / name)
    assert album(None, night) == 1
    error = capsys.readouterr().err
    assert "exists and is no" in error and error.count("\n") == 1


@contextlib.contextmanager
def largest_file(size_bytes):
    """Let no file grow beyond a size, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_fills_up_keeps_what_is_finished(whole, models, tmp_path, monkeypatch, capsys):
    out, write = tmp_path / "night", WorkFolder.keep

    def full(self, one, take):
        with largest_file(1000) if one.track == 2 else contextlib.nullcontext():
            write(self, one, take)

    monkeypatch.setattr(WorkFolder, "keep", full)
    assert album(models, out, "--tracks", 3, *FLAGS) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "unfinished/02-1.npz: the file is larger than" in error
    assert "; 1 of 3 tracks are finished (" in error
    monkeypatch.setattr(WorkFolder, "keep", write)
    monkeypatch.setattr("sopilib.new_files.os.fsync", _no_space)
    assert album(None, out) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the disk is full; 1 of 3 tracks are finished (free space, then repeat" in error
    monkeypatch.undo()
    assert album(None, out) == 0
    assert contents(out) == contents(whole)


def _no_space(descriptor):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_unreadable_model_among_several_is_refused_before_any_track(models, tmp_path, capsys):
    bad = shutil.copytree(models[0], tmp_path / "bad")
    (pack,) = bad.glob("*.pack")
    pack.write_bytes(pack.read_bytes()[:-100])
    assert album([*models, bad], tmp_path / "out", "--tracks", 2, *FLAGS) == 1
    error = capsys.readouterr().err
    assert "is damaged" in error and f"or leave out {bad})" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_gone_later_is_one_line_and_the_tracks_stay(models, tmp_path, capsys):
    out, gone = tmp_path / "night", shutil.copytree(models[0], tmp_path / "reeds")
    assert album([models[1], gone], out, "--tracks", 1, *FLAGS) == 0
    shutil.rmtree(gone)
    before = contents(out, "album.json")
    assert album(None, out, "--tracks", 2) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"no model {gone}, and no reeds with" in error
    assert error.endswith("; 1 of 2 tracks are finished (copy it there)")
    assert contents(out, "album.json", "unfinished") == before


def test_a_model_that_is_gone_in_the_middle_leaves_out_its_tracks(
    models, tmp_path, monkeypatch, capsys
):
    def gone(one):
        return run_job(one) if one.track != 2 else job.Outcome(one.key, error="no bytes (copy it)")

    monkeypatch.setattr("sopilib.album.local_runner.run_job", gone)
    assert album(models, tmp_path / "out", "--tracks", 3, *FLAGS) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "track 2 of" in error and "could not be made: no bytes; 2 of 3 tracks" in error
    assert error.endswith("(copy it, then repeat the command)")
    assert sorted(p.name for p in (tmp_path / "out").glob("*.flac")) == ["01.flac", "03.flac"]


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--dur", "0"], "--dur: the length 0 s (give a number of seconds above 0)"),
        (["--dur", "3:2"], "--dur 3:2 is reversed (give LOW:HIGH)"),
        (["--dur", "0.5:x"], "'x' is not a number"),
        (["--temperature", "1.1:0.9"], "--temperature 1.1:0.9 is reversed"),
        (["--array", "3/2"], "'3/2' is no part (give I/N with I from 1 to N, such as 2/8)"),
        (["--scheduler", "host"], "is no address of a scheduler (give tcp://HOST:8786)"),
        (["--keep", "1,,2"], "is no list of tracks"),
        (["--dur", "1e-9"], "is less than a sample"),
        (["--sample_rate", "8000", "--dur", "1e6"], "needs"),
    ],
)
def test_bad_values_are_one_line_before_any_work(flags, told, models, tmp_path, capsys):
    with contextlib.suppress(SystemExit):
        assert album(models, tmp_path / "out", *flags) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_said_before_any_work(models, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyloudnorm", None)
    assert album(models, tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "albums need pyloudnorm, which" in error and error.count("\n") == 1
    assert error.endswith(f"{sys.executable} -m pip install pyloudnorm)\n")
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["album", "--out", str(tmp_path / "out"), "--scheduler", "tcp://x:8786"]) == 1
    assert "-m pip install distributed)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_scheduler_that_is_not_there_is_one_line(night, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_runner, "_CONNECT_S", 0.2)
    (night / "02.flac").unlink()
    flags = ["album", "--out", str(night), "--scheduler", "tcp://127.0.0.1:9"]
    assert main(flags) == 1
    (error,) = (k for k in capsys.readouterr().err.splitlines() if "samplernn:" in k)
    assert error.endswith(
        "2 of 3 tracks are finished (run: dask scheduler, or leave out --scheduler)"
    )
    assert main([*flags, "--processes", "2"]) == 1


def test_the_choice_is_copied_in_its_order_and_replaced_by_another(night, whole, capsys):
    def keep(numbers):
        return main(["album", "--out", str(night), "--keep", numbers])

    assert keep("3,1") == 0
    kept = night / "kept"
    assert sorted(p.name for p in kept.glob("*.flac")) == ["01.flac", "02.flac"]
    for place, number in ((1, 3), (2, 1)):
        copy, original = kept / f"0{place}.flac", whole / f"0{number}.flac"
        np.testing.assert_array_equal(soundfile.read(copy)[0], soundfile.read(original)[0])
        with soundfile.SoundFile(copy) as sound, soundfile.SoundFile(original) as before:
            assert sound.tracknumber == str(place) and sound.title == before.title
            assert sound.comment == before.comment
    assert keep("2") == 0
    assert sorted(p.name for p in kept.iterdir()) == [
        "01.flac",
        "01.png",
        "album.html",
        "kept.json",
    ]
    for numbers, told in (("4", "track 4 does not exist"), ("1,1", "has track 1 twice")):
        assert keep(numbers) == 1
        assert told in capsys.readouterr().err
    (night / "01.png").unlink()
    assert keep("1") == 0 and not (kept / "01.png").exists()
    assert "data:image/png" not in (kept / "album.html").read_text()
    (kept / "01.flac").write_bytes(b"mine")
    assert keep("1") == 1
    assert "is not as an earlier --keep wrote it" in capsys.readouterr().err
    assert (kept / "01.flac").read_bytes() == b"mine"
    (night / "03.flac").unlink()
    assert keep("3") == 1 and "track 3 is not finished" in capsys.readouterr().err
    assert main(["album", "--out", str(night.parent / "no"), "--keep", "1"]) == 1


class _Page(html.parser.HTMLParser):
    """Collects the elements of a page and checks that they are closed."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_plays_the_tracks_and_needs_nothing_from_elsewhere(whole):
    page = _Page()
    page.feed((whole / "album.html").read_text())
    page.close()
    assert page.open == []
    sources = [attrs["src"] for tag, attrs in page.found if "src" in attrs]
    assert [s for s in sources if not s.startswith("data:image/png;base64,")] == [
        "01.flac",
        "02.flac",
        "03.flac",
    ]
    assert len(sources) == 6 and not [a for _, a in page.found if "href" in a]
    assert "http" not in (whole / "album.html").read_text()


def test_what_a_track_is_made_from_follows_from_its_number_alone():
    def settings(**values):
        defaults = dict(title="x", rng_seed=7, num_tracks=3, dur_s=(180.0, 300.0))
        more = dict(temperature=(0.9, 1.05), best_of=4, sample_rate=None, models=(None, None))
        return AlbumSettings(**{**defaults, **more, **values})

    plans = [track_plan(settings(), number) for number in range(1, 200)]
    assert plans[5] == track_plan(settings(num_tracks=99), 6)
    assert [plan.model for plan in plans[:4]] == [0, 1, 0, 1]
    assert plans[0].dur_s == 234.379 and plans[0].temperature == 0.907  # for ever
    seeds = [seed for plan in plans for seed in plan.rng_seeds]
    assert len(set(seeds)) == len(seeds) == 4 * 199 and max(seeds) < 2**24
    lengths = [plan.dur_s for plan in plans]
    assert min(lengths) >= 180 and max(lengths) <= 300 and np.std(lengths) > 25
    assert track_plan(settings(rng_seed=8), 1) != plans[0]


def test_names_that_are_no_text_are_kept_and_told_on_one_line(models, tmp_path, capsys):
    out = tmp_path / os.fsdecode(b"o\xfe<i>\nx")
    assert album(models[:1], out, "--tracks", 1, *FLAGS, "--best_of", 1) == 0
    assert main(["album", "--out", str(out), "--keep", "1"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 4 and r"o\xfe<i>\nx/kept/01.flac" in told
    assert b"<i>" not in (out / "album.html").read_bytes().partition(b"<body")[2].partition(b">")[2]
    with open(out / "kept" / "01.flac", "rb") as file, soundfile.SoundFile(file) as sound:
        assert sound.album == r"o\xfe<i>\nx" and sound.tracknumber == "1"


@pytest.mark.parametrize("rate, dur", [(1000, 0.7), (384_000, 0.02)])
def test_the_rates_and_lengths_at_the_ends_of_their_ranges(rate, dur, tmp_path):
    model = write_exported(tmp_path / "model")
    config = model / "model.config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "sample_rate": rate}))
    out = tmp_path / "out"
    assert album([model], out, "--tracks", 1, "--dur", dur, "--best_of", 1) == 0
    info = soundfile.info(out / "01.flac")
    assert (info.samplerate, info.frames) == (rate, round(rate * dur))
