"""The scripts in bench/ that draw the gallery and measure albums and radios."""

import io
import json
import platform
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from exported_model import write_exported
from PIL import Image
from places import PROJECT

from sopilib.audio.write import write_audio

RATE = 1000
CARD = """# bells: a few bells

Bells that ring. More about them.

| | |
|---|---|
| network | two tiers |
| temperature | 0.9 recommended |

## Data
`ringing.wav`, recorded at home.
"""


@pytest.fixture(scope="module")
def scripts():
    """Yield the modules by name, imported as scripts see them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "bench"))
        import ablation_table
        import album_throughput
        import engine_speed
        import gallery
        import long_take
        import radio

        modules = {"gallery": gallery, "long_take": long_take, "radio": radio}
        modules |= {"ablation": ablation_table, "speed": engine_speed}
        yield {"album": album_throughput, **modules}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model `bells`, and in `corpora` what its card names."""
    folder = tmp_path_factory.mktemp("gallery")
    write_exported(folder / "bells", CARD, RATE)
    (folder / "corpora").mkdir()
    pitches = np.repeat(np.random.default_rng(0).uniform(60, 400, 600), RATE // 2)
    sound = 0.5 * np.sin(2 * np.pi * np.cumsum(pitches) / RATE)
    write_audio(folder / "corpora" / "ringing.wav", sound, RATE)
    return folder


def test_a_gallery_has_what_the_card_says_and_small_pictures(scripts, folder):
    page = folder / "page.md"
    page.write_text("# Gallery\n\n## aaa\nof an earlier run\n\n## bells\nold\n")
    words = [str(folder / "bells"), "--corpora", str(folder / "corpora"), "--threads", "1"]
    assert scripts["gallery"].main([*words, "--output", str(page)]) == 0
    text = page.read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## aaa", "## bells"]
    assert "of an earlier run" in text and "\nold\n" not in text
    assert "Bells that ring. (" in text and "- network: two tiers\n" in text
    assert "--temperature 0.9 --rng_seed 0" in text and "10 s from silence" in text
    for name in ("corpus", "temperatures", "seeds"):
        picture = folder / "page" / f"bells-{name}.png"
        assert f"(page/bells-{name}.png)" in text
        assert picture.stat().st_size <= 150_000
        with Image.open(picture) as image:
            assert image.width > 500 and len(image.convert("RGB").getcolors(1 << 16)) > 20


def test_a_model_without_a_corpus_is_left_out(scripts, folder, tmp_path, capsys):
    words = [str(folder / "bells"), "--corpora", str(tmp_path), "--output", str(tmp_path / "x.md")]
    assert scripts["gallery"].main(words) == 1
    assert "bells: no corpus in" in capsys.readouterr().err
    assert not (tmp_path / "x.md").exists()


def test_a_gallery_that_draws_no_model_is_a_failure_beside_an_older_page(scripts, folder, tmp_path):
    page = tmp_path / "x.md"
    page.write_text("# Gallery\n\n## aaa\nof an earlier run\n")
    words = [str(folder / "bells"), "--corpora", str(tmp_path), "--output", str(page)]
    assert scripts["gallery"].main(words) == 1
    assert page.read_text() == "# Gallery\n\n## aaa\nof an earlier run\n"


def test_a_corpus_is_read_at_the_rate_of_each_checkpoint(scripts, monkeypatch):
    ablation, rates = scripts["ablation"], {"a": 8000, "b": 16000, "c": 8000}
    monkeypatch.setattr(
        ablation,
        "find_model",
        lambda name: SimpleNamespace(
            config=SimpleNamespace(sample_rate=rates[name]), folder=Path(name) / "DATE"
        ),
    )
    monkeypatch.setattr(ablation, "read_recordings", lambda paths, rate: ("corpus", rate))
    monkeypatch.setattr(ablation, "cells", lambda files, corpus, *_: [files.folder, corpus])
    args = SimpleNamespace(checkpoints=list(rates), corpus="x", temperature=1.0, minutes=1)
    assert [row[1][1] for row in ablation.rows_of(args)] == [8000, 16000, 8000]


RADIO = """
import os, sys, time
time.sleep(0.3)  # until then its rate is not known
print("11025 Hz, float32", file=sys.stderr, flush=True)
while True:
    os.write(1, bytes(4 * 1000))
"""


def test_a_radio_is_measured_in_whole_samples_from_its_first_one(scripts):
    radio = scripts["radio"]
    heard = radio.Listening()
    with subprocess.Popen(
        [sys.executable, "-c", RADIO], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        lines = threading.Thread(target=radio.note_lines, args=(process, heard))
        lines.start()
        radio.note_sound(process, heard, 1.0)
        process.kill()
        lines.join()
    assert heard.rate == 11025 and len(heard.steps) > 1
    # a run of zeros is as long as the sound
    assert heard.longest_run == len(heard.steps) * 11025 // 10


@pytest.mark.parametrize("text", ["", "processor\t: 0\nBogoMIPS\t: 48.00\n"])
def test_a_processor_without_a_name_has_that_of_its_kind(text, scripts, monkeypatch):
    speed = scripts["speed"]
    monkeypatch.setattr(speed, "open", lambda path: io.StringIO(text), raising=False)
    assert speed.processor_name() == (platform.processor() or platform.machine())


def test_an_album_on_several_machines_takes_its_rounds_and_its_transfers(scripts):
    album = scripts["album"].Album(
        num_jobs=48, dur_s=240, sample_rate=16000, weights_bytes=10_000_000
    )
    assert album.take_bytes == 7_680_000
    # 24 rounds of 120 s, 0.8 s for the weights, 2 takes at the end of 0.6144 s each
    assert scripts["album"].album_s(album, 1, 2, 2.0, 100) == pytest.approx(2880 + 0.8 + 1.2288)
    # two rounds on 32 cores, weights to 16 machines, 32 takes at once
    assert scripts["album"].album_s(album, 16, 2, 2.0, 100) == pytest.approx(240 + 12.8 + 19.6608)


def test_an_hour_of_sound_is_measured(scripts, folder, capsys):
    output = folder / "album.json"
    words = [str(folder / "bells"), "--time", "0.05", "--output", str(output)]
    assert scripts["album"].main(words) == 0
    printed = capsys.readouterr().out
    assert "Computed, not measured: 48 takes of 240 s" in printed
    rates = json.loads(output.read_text())["times_real_time_of_a_thread"]
    assert set(rates) == {"1", "4", "16"} and min(rates.values()) > 1


@pytest.mark.parametrize(
    "equal, before, expected",
    [("0110", 0, (0, 2)), ("1101", 3, (1, 5)), ("111", 4, (7, 7)), ("0000", 9, (0, 9))],
)
def test_runs_of_equal_samples_are_counted_across_blocks(scripts, equal, before, expected):
    is_equal = np.array([digit == "1" for digit in equal])
    assert scripts["radio"].runs(is_equal, before) == expected


def test_joins_are_found_from_what_a_radio_prints(scripts):
    line = "take {}: bells, rng_seed 1, temperature 1, {:.2f} s, {}"
    lines = [
        "16000 Hz, mono, f32le; --rng_seed 1 repeats it",
        line.format(1, 10, "2.0 times real time"),
        line.format(2, 30, "left out: noise at 2.0 s"),
        line.format(3, 20, "2.0 times real time"),
        line.format(4, 20, "2.0 times real time"),
    ]
    heard = scripts["radio"].Listening(rate=16000, lines=lines, steps=[0.0] * 400)
    assert scripts["radio"].joins_of(heard, 4.0) == [6.0, 22.0]


def test_a_killed_long_take_is_compared_with_a_whole_one(scripts, folder, capsys):
    output = folder / "long_take.json"
    flags = "--precision int8 --threads 1"
    words = [str(folder / "bells"), "--dur", "15", "--kills", "1", "--flags", flags]
    assert scripts["long_take"].main([*words, "--output", str(output)]) == 0
    figures = json.loads(output.read_text())
    assert figures["is_same"] and set(figures["sha256"]) == {f"take_{k}.wav" for k in range(4)}
    assert 20 < figures["peak_mb"] < 150 and output.with_suffix(".png").exists()


def test_memory_that_grows_or_other_files_do_not_hold(scripts):
    grown = scripts["long_take"].Watched([(0, 0, 40), (1, 6, 41), (9, 60, 55)], peak_mb=60)
    assert scripts["long_take"].growth_mb(grown, 60) == 19
    assert "| 1 | 9 | 55.0 |" in scripts["long_take"].minute_table(grown)
    good = {"is_same": True, "peak_mb": 151.0, "weights_mb": 2.0, "growth_mb": 3.0}
    assert scripts["long_take"].holds(good)
    for bad in ({"is_same": False}, {"weights_mb": 0.5}, {"growth_mb": 19}):
        assert not scripts["long_take"].holds({**good, **bad})
