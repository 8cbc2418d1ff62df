"""`samplernn report`: the page of a run, its contents, and invalid requests."""

import base64
import html.parser
import json
import math
import re
import shutil

import numpy as np
import pytest
import soundfile
from training_runs import CONFIG

from sopilib.audio.spectrogram import draw_take
from sopilib.commands.main import main
from sopilib.training.history import read_history
from sopilib.training.report_run import read_run, shown_epochs

BITS = {1: 3.5, 2: 3.25, 3: 3.375}  # held out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run folder of three epochs, each of two stretches of ten steps, with previews."""
    folder = tmp_path_factory.mktemp("bells") / "23.11.2026_10.00.00"
    (folder / "previews").mkdir(parents=True)
    (folder / "tiny.config.json").write_text(json.dumps(CONFIG.to_dict()))
    (folder / "args.txt").write_text("samplernn train --id '<b>&'\n")
    lines = []
    for step in range(10, 70, 10):
        epoch = (step - 1) // 20 + 1
        at = {"step": step, "seconds": 60.0 * step, "epoch": epoch}
        values = {"bits_per_sample": 4 - step / 100, "accuracy": 0.2, "learning_rate": 0.001}
        lines.append({"kind": "steps", **at, **values, "samples_per_s": 1000.0 * step})
        if step % 20 == 0:
            lines.append({"kind": "epoch", **at, "val_bits_per_sample": BITS[epoch]})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "history.jsonl").write_text(text + '{"kind": "steps", "st')
    for epoch in BITS:
        for temperature in ("0.9", "1"):
            sound = np.sin(np.arange(500) * float(temperature) * epoch)
            path = folder / "previews" / f"epoch_{epoch:04}_t{temperature}.wav"
            soundfile.write(path, sound, 1000)
            draw_take(sound, 1000, "a take", path.with_suffix(".png"))
    return folder


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "steps", "step": 61, "seconds": 1.0},
        {"kind": "steps", "step": 61, "seconds": 1.0, "epoch": 4, "bits_per_sample": "few"},
        {"kind": "epoch", "step": 61, "seconds": 1.0, "epoch": 4},
        {"kind": "epoch", "step": 61, "seconds": 1.0, "val_bits_per_sample": 1.0},
        {"kind": "epoch", "step": 61, "seconds": 1.0, "epoch": 4, "val_bits_per_sample": math.nan},
        {"kind": [], "step": 61, "seconds": 1.0},
    ],
)
def test_a_line_that_lacks_a_number_is_left_out(line, run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "bells" / run.name)
    whole = read_history(run / "history.jsonl")
    with open(folder / "history.jsonl", "a") as file:
        file.write("\n" + json.dumps(line) + "\n")
    assert list(read_history(folder / "history.jsonl")) == list(whole)
    assert main(["report", str(folder), "--output", str(tmp_path / "report.html")]) == 0


class Page(html.parser.HTMLParser):
    """The text of a page, and its tags with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def sources(self, tag):
        return [attributes["src"] for name, attributes in self.tags if name == tag]


def test_the_page_holds_all_that_it_shows(run, tmp_path):
    assert main(["report", str(run), "--output", str(tmp_path / "page.html")]) == 0
    page = Page((tmp_path / "page.html").read_text())
    sounds, pictures = page.sources("audio"), page.sources("img")
    assert (len(sounds), len(pictures)) == (6, 7)
    newest_first = [f"epoch_000{n}_t{t}.wav" for n in (3, 2, 1) for t in ("0.9", "1")]
    for source, name in zip(sounds, newest_first):
        kind, content = source.split(",")
        assert kind == "data:audio/wav;base64"
        assert base64.b64decode(content) == (run / "previews" / name).read_bytes()
    for source in pictures:
        kind, content = source.split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content)[:8] == b"\x89PNG\r\n\x1a\n"
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "a", "iframe"})


def test_the_page_tells_figures_and_settings(run, tmp_path):
    assert main(["report", str(run), "--output", str(tmp_path / "page.html")]) == 0
    words = Page((tmp_path / "page.html").read_text()).words
    assert "60, in epoch 3" in words
    assert "1.00 h" in words
    assert "40,000 samples per second (median)" in words
    assert "3.4000 bits per sample, in training, at the end" in words
    assert "3.3750 bits per sample; the best, 3.2500, after epoch 2" in words
    assert "Epoch 1, 3.5000 held-out bits per sample" in words
    assert words[words.index("frame_sizes") + 1] == "[2, 4]"
    assert "samplernn train --id '<b>&'" in words


def test_a_name_in_png_makes_one_image(run, tmp_path):
    assert main(["report", str(run), "--output", str(tmp_path / "page.png")]) == 0
    assert (tmp_path / "page.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_newest_run_of_an_id_is_reported_into_its_folder(run, capsys):
    assert main(["report", str(run.parent)]) == 0
    assert re.match(rf"{run}/report.html: \d+\.\d MB", capsys.readouterr().out)
    (run / "report.html").unlink()


def test_a_run_without_epochs_and_previews_has_a_page(run, tmp_path):
    (tmp_path / "tiny.config.json").write_text((run / "tiny.config.json").read_text())
    first_line = (run / "history.jsonl").read_text().split("\n")[0]
    (tmp_path / "history.jsonl").write_text(first_line)
    assert main(["report", str(tmp_path)]) == 0
    assert "<p>There are none yet.</p>" in (tmp_path / "report.html").read_text()
    assert main(["report", str(tmp_path), "--output", str(tmp_path / "a.png")]) == 0


def test_a_preview_that_is_still_being_written_is_left_out(run, tmp_path):
    previews = shutil.copytree(run / "previews", tmp_path / "previews")
    picture = previews / "epoch_0003_t1.png"
    picture.write_bytes(picture.read_bytes()[:-100])
    (previews / "epoch_0003_t0.9.png").unlink()
    page = ["report", str(run), "--previews", str(previews), "--output"]
    assert main([*page, str(tmp_path / "page.html")]) == 0
    assert len(Page((tmp_path / "page.html").read_text()).sources("audio")) == 4
    assert main([*page, str(tmp_path / "page.png")]) == 0


@pytest.mark.parametrize("suffix", ["html", "png"])
def test_a_report_replaces_an_older_one_and_no_other_file(suffix, run, tmp_path, capsys):
    path = tmp_path / f"page.{suffix}"
    command = ["report", str(run), "--output", str(path)]
    path.write_bytes(b"<html>mine</html>")
    assert main(command) == 1
    assert f"page.{suffix} exists and is no report" in capsys.readouterr().err
    assert path.read_bytes() == b"<html>mine</html>"
    assert main([*command, "--overwrite"]) == 0
    assert main(command) == 0


def test_of_many_epochs_the_first_the_best_and_the_last_are_shown(run):
    many = read_run(run)
    assert shown_epochs(many, 8) == [1, 2, 3]
    previews = [type(many.previews[0])(n, 1.0, 0, run) for n in range(1, 101)]
    many.previews[:] = previews
    assert shown_epochs(many, 5) == [1, 2, 26, 51, 100]


@pytest.mark.parametrize(
    "flags, told",
    [
        (["{empty}"], "no history.jsonl in"),
        (["{run}", "--output", "page.pdf"], "ends in .html or .png"),
        (["{run}", "--output", "{empty}/no/page.html"], "cannot write"),
        (["{run}", "--output", "{run}/previews"], "that is a folder"),
    ],
)
def test_invalid_requests_are_a_one_line_error(flags, told, run, tmp_path, capsys):
    assert main(["report", *(flag.format(empty=tmp_path, run=run) for flag in flags)]) == 1
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
