"""`samplernn demo` and `samplernn play`, with the test's own patches in a real Pd."""

import argparse
import os
import stat
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from pd_host import write_patch

from sopilib.commands import demo, pd_demo, play
from sopilib.errors import AudioError
from sopilib.installation import paths

SINE_SAMPLES = 4001
SINE_RATE = 8000


def say_and_quit(folder, *statuses):
    """Write a patch that prints the statuses as the demo's patch does, then quits Pd."""
    messages = " \\, ".join(statuses)
    return write_patch(
        folder,
        "#X obj 10 10 loadbang",
        "#X obj 10 40 t b b",
        f"#X msg 60 70 {messages}",
        "#X obj 60 100 print demo",
        r"#X msg 10 130 \; pd quit",
        "#X connect 0 0 1 0",
        "#X connect 1 0 4 0",
        "#X connect 1 1 2 0",
        "#X connect 2 0 3 0",
        name="say.pd",
    )


def sine_patch(folder, *, file_samples=SINE_SAMPLES):
    """Write a patch that keeps the demo's contract with a sine at half of full scale."""
    statuses = (
        r"loaded sine 8000 1 \, info temperature 0.9 \, info seed none \, "
        r"progress 0.25 0.125 0.8 \, progress 1 0.5 0.8 \, "
        f"generated take {SINE_RATE} {SINE_SAMPLES}"
    )
    return write_patch(
        folder,
        f"#X obj 400 10 array define demo-sine {SINE_SAMPLES}",
        "#X obj 10 10 r demo-file",
        "#X obj 10 40 symbol",
        "#X obj 10 70 t a b b",
        f"#X msg 200 100 {SINE_SAMPLES}",
        "#X obj 200 130 until",
        "#X obj 200 160 f 0",
        "#X obj 260 160 + 1",
        "#X obj 200 190 t f f",
        "#X obj 200 220 expr 0.5 * sin(2 * 3.14159265 * 440 * $f1 / 8000)",
        "#X obj 200 250 tabwrite demo-sine",
        f"#X msg 100 100 {statuses}",
        "#X obj 100 300 print demo",
        f"#X msg 10 130 write -wave -bytes 4 -rate {SINE_RATE} -nframes {file_samples} "
        "\\$1 demo-sine",
        "#X obj 10 160 soundfiler",
        "#X obj 10 190 t b",
        "#X obj 10 220 list prepend saved",
        "#X obj 10 250 list trim",
        "#X obj 10 280 t b a",
        r"#X msg 10 310 \; pd quit",
        "#X connect 1 0 2 0",
        "#X connect 2 0 3 0",
        "#X connect 3 2 4 0",
        "#X connect 4 0 5 0",
        "#X connect 5 0 6 0",
        "#X connect 6 0 8 0",
        "#X connect 6 0 7 0",
        "#X connect 7 0 6 1",
        "#X connect 8 1 10 1",
        "#X connect 8 0 9 0",
        "#X connect 9 0 10 0",
        "#X connect 3 1 11 0",
        "#X connect 11 0 12 0",
        "#X connect 3 0 13 0",
        "#X connect 13 0 14 0",
        "#X connect 14 0 15 0",
        "#X connect 15 0 16 0",
        "#X connect 16 0 17 0",
        "#X connect 17 0 18 0",
        "#X connect 18 1 12 0",
        "#X connect 18 0 19 0",
        name="demo.pd",
    )


def write_program(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run_demo_command(output_path, *flags):
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return demo.run(parser.parse_args(["--output_path", str(output_path), *flags]))


def run_play_command(*arguments):
    parser = argparse.ArgumentParser()
    play.add_arguments(parser)
    return play.run(parser.parse_args(["--", *arguments]))


@pytest.fixture
def patches(tmp_path, monkeypatch):
    """Return an installation whose patches are the test's own: the folder of its patches."""
    folder = tmp_path / "share" / "samplernn" / "pd"
    folder.mkdir(parents=True)
    (folder / "samplernn.pd").write_text("#N canvas 0 0 100 100 12;\n")
    monkeypatch.setattr(paths, "project_folder", lambda: folder.parent)
    return folder


def test_the_take_that_pd_saves_is_followed_status_by_status(tmp_path, patches):
    statuses = []
    take = pd_demo.make_take(sine_patch(tmp_path), tmp_path / "take.wav", statuses.append)
    assert take == pd_demo.Take("sine", 8000, 4001, {"temperature": "0.9", "seed": "none"}, True)
    assert [status[0] for status in statuses] == [
        "loaded",
        "info",
        "info",
        "progress",
        "progress",
        "generated",
        "saved",
    ]
    assert statuses[3] == ["progress", "0.25", "0.125", "0.8"]


def test_the_demo_leaves_the_sound_and_its_picture(tmp_path, patches, capsys):
    sine_patch(patches)
    folder = tmp_path / "my takes, new; $1"
    folder.mkdir()
    assert run_demo_command(folder / "take.wav") == 0
    sound, sample_rate = soundfile.read(folder / "take.wav")
    assert (len(sound), sample_rate) == (4001, 8000)
    assert np.abs(sound).max() == pytest.approx(0.5, abs=1e-3)
    assert (folder / "take.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    output = capsys.readouterr()
    assert "take.wav: 0.50 s at 8000 Hz, peak -6.0 dBFS" in output.out
    assert "make play" in output.out
    assert "Pd generates: 0.50 s, 0.80 times real time" in output.err


def test_a_demo_that_fails_leaves_what_it_was_to_replace(tmp_path, patches):
    sine_patch(patches, file_samples=4000)
    folder = tmp_path / "takes"
    folder.mkdir()
    for name in ("take.wav", "take.json", "take.png"):
        (folder / name).write_text("mine")
    with pytest.raises(AudioError, match="holds"):
        run_demo_command(folder / "take.wav", "--overwrite")
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(
        ("take.wav", "take.json", "take.png"), "mine"
    )
    sine_patch(patches)
    assert run_demo_command(folder / "take.wav", "--overwrite") == 0
    assert len(soundfile.read(folder / "take.wav")[0]) == 4001
    # this patch writes no record, and that of another take would be wrong
    assert sorted(path.name for path in folder.iterdir()) == ["take.png", "take.wav"]


def test_a_file_shorter_than_the_take_is_refused(tmp_path, patches):
    sine_patch(patches, file_samples=4000)
    with pytest.raises(AudioError, match=r"holds \(4000,\) samples .* the take has \(4001,\)"):
        run_demo_command(tmp_path / "take.wav")


def test_a_demo_into_a_missing_folder_says_so_before_pd_starts(tmp_path):
    with pytest.raises(AudioError, match="no folder .*nowhere"):
        run_demo_command(tmp_path / "nowhere" / "demo.wav")


def test_an_error_status_ends_the_demo_with_its_text_and_the_console(tmp_path, patches, capsys):
    say_and_quit(patches, r"error no such folder: x \(give one\)").rename(patches / "demo.pd")
    with pytest.raises(pd_demo.DemoError, match=r"^no such folder: x \(give one\)$"):
        run_demo_command(tmp_path / "demo.wav")
    assert "demo: error no such folder" in capsys.readouterr().err
    assert not (tmp_path / "demo.wav").exists()


def test_an_object_that_pd_cannot_create_ends_the_demo_at_once(tmp_path, patches):
    patch = write_patch(tmp_path, "#X obj 10 10 no-such-object-of-pd")
    with pytest.raises(pd_demo.DemoError, match="could not create an object of test.pd") as error:
        pd_demo.make_take(patch, tmp_path / "take.wav", list)
    assert any("no-such-object-of-pd" in line for line in error.value.console)


def test_a_pd_that_ends_without_a_take_is_an_error(tmp_path, patches):
    patch = say_and_quit(tmp_path, "loaded sine 8000 1")
    with pytest.raises(pd_demo.DemoError, match="ended before the take was saved"):
        pd_demo.make_take(patch, tmp_path / "take.wav", list)


def test_a_pd_that_falls_silent_is_killed(tmp_path, patches, monkeypatch):
    program = write_program(
        tmp_path / "pd-with-pid",
        f'#!/bin/sh\necho $$ > "{tmp_path}/pid"\nexec "{paths.pd_program()}" "$@"\n',
    )
    monkeypatch.setenv("PD", str(program))
    patch = write_patch(
        tmp_path, "#X obj 10 10 loadbang", "#X obj 10 40 print demo", "#X connect 0 0 1 0"
    )
    with pytest.raises(pd_demo.DemoError, match="no sign of life from Pd for 0.5 s"):
        pd_demo.make_take(patch, tmp_path / "take.wav", list, sign_of_life_s=0.5)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_demo_plays_the_bundled_model_for_exactly_4_seconds(tmp_path, monkeypatch):
    monkeypatch.setenv("SAMPLERNN_PYTHON", sys.executable)
    assert run_demo_command(tmp_path / "demo.wav") == 0
    sound, sample_rate = soundfile.read(tmp_path / "demo.wav")
    assert (sound.shape, sample_rate) == ((64000,), 16000)
    assert np.abs(sound).max() > 0.01
    assert np.mean(np.abs(sound) >= 1) < 1e-4  # a stroke may reach full scale
    assert (tmp_path / "demo.png").stat().st_size > 10_000


def test_play_passes_the_patch_and_arguments_on_to_pd_and_returns_its_status(
    tmp_path, patches, monkeypatch
):
    program = write_program(
        tmp_path / "my-pd",
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(tmp_path / 'heard')!r}, 'w').write(repr(sys.argv[1:]))\nsys.exit(3)\n",
    )
    monkeypatch.setenv("PD", str(program))
    monkeypatch.setenv("DISPLAY", ":99")
    assert run_play_command("-jack") == 3
    assert (tmp_path / "heard").read_text() == repr(
        ["-path", str(paths.packages_folder()), "-jack", str(patches / "samplernn.pd")]
    )


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS always has a display")
def test_play_without_a_display_says_what_to_do(patches, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(play.DisplayError, match=r"no display .*samplernn demo"):
        run_play_command()


def test_neither_play_nor_demo_starts_without_pd(tmp_path, patches, monkeypatch):
    sine_patch(patches)
    monkeypatch.delenv("PD", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(paths, "MACOS_APPLICATIONS", ())
    for run in (run_play_command, lambda: run_demo_command(tmp_path / "demo.wav")):
        with pytest.raises(paths.NotInstalledError, match="Pure Data is not installed"):
            run()


def test_play_imports_nothing_heavy():
    heavy = "{'numpy', 'tensorflow', 'tqdm'}"
    code = f"import sys, sopilib.commands.play; print({heavy} & set(sys.modules))"
    heavy = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(paths.packages_folder())},
    )
    assert heavy.stdout == "set()\n"
