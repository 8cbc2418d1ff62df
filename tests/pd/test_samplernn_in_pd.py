"""The messages of the class in a real Pd, with a real worker and a real checkpoint."""

import os
import shutil
import time

import numpy as np
import pytest
import soundfile
from class_in_pd import GRU, LOAD_LIMIT_S, PATCHES, PROJECT, ClassInPd
from evil_packs import CONFIG, short_levels
from golden import copy_checkpoint
from pd_host import PdHost

from sopilib.commands.main import main
from sopilib.engine.pack import PackedModel
from sopilib.engine.packed_file import write_packed


@pytest.fixture(scope="module")
def pd():
    """Yield a Pd with the GRU fixture loaded for two voices, shared by tests that keep it so."""
    with ClassInPd() as pd:
        pd.load(voices=2)
        yield pd


@pytest.fixture(scope="module")
def original_pd(stand_in):
    """Yield the same in a Pd whose pyext behaves like the original one."""
    with ClassInPd(loader=stand_in) as pd:
        pd.load(voices=2)
        yield pd


@pytest.fixture(params=["pd", "original_pd"])
def each_pd(request):
    return request.getfixturevalue(request.param)


def begin_long_take(pd):
    pd.message("length 120")
    pd.message("generate sound1 sound2")
    pd.status(r"progress .*")


def end_take(pd):
    """Stop the take and return the finished part of its first voice."""
    pd.message("stop")
    done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
    return pd.samples("sound1")[:done]


def test_idiomatic_messages_with_polls_fill_the_arrays_with_the_exact_length(each_pd):
    each_pd.message("length 0.0333")
    each_pd.message("temperature 0.9 1")
    each_pd.message("rng 5")
    takes = []
    for _ in range(2):
        each_pd.message("generate sound1 sound2")
        each_pd.status(r"progress 1 0\.0333125 \S+")
        each_pd.status("generated sound1 16000 533")
        each_pd.status("generated sound2 16000 533")
        takes.append([each_pd.samples("sound1"), each_pd.samples("sound2")])
    for voice in range(2):
        assert takes[0][voice].size == 533
        assert np.ptp(takes[0][voice]) > 0.1
        assert np.array_equal(takes[0][voice], takes[1][voice])
    assert not np.array_equal(takes[0][0], takes[0][1])


def test_a_take_that_needs_a_long_resize_says_so_and_has_its_length_in_the_end(each_pd):
    each_pd.message("length 800")
    each_pd.message("generate sound1 sound2")
    each_pd.status(
        r"notice Pd stands still for about 0\.2 s to resize sound1 sound2 "
        r"\(0\.6 s where the graphs are open\)"
    )
    each_pd.status(r"progress \S+ \S+ \S+")
    each_pd.message("stop")
    done = int(each_pd.status(r"stopped sound2 16000 (\d+)")[1])
    each_pd.message("length 0.02")
    each_pd.message("generate sound1 sound2")  # gives the memory back
    each_pd.status("generated sound2 16000 320")
    assert 0 < done < 800 * 16000


def test_continue_goes_on_from_the_last_take(each_pd):
    each_pd.message("rng 5")
    each_pd.message("length 0.02")
    each_pd.message("generate sound1 sound2")
    each_pd.status("generated sound2 16000 320")
    first = each_pd.samples("sound1")
    each_pd.message("continue sound1 sound2")
    each_pd.status("generated sound2 16000 320")
    second = each_pd.samples("sound1")
    each_pd.message("length 0.04")
    each_pd.message("generate sound1 sound2")
    each_pd.status("generated sound2 16000 640")
    assert np.array_equal(np.concatenate([first, second]), each_pd.samples("sound1"))


def test_the_flag_form_works_in_a_polled_object_too(each_pd):
    each_pd.message(
        "generate --out_sr 8000 --dur 0.1 --temp Env([0.7,1.05],[0.1],[0]) --out sound1 "
        "--temp 0.9 --out sound2"
    )
    each_pd.status("generated sound1 8000 800")
    assert each_pd.samples("sound1").size == 800


def test_the_flag_form_without_a_length_makes_as_much_as_length_says(pd):
    pd.message("length 0.05")
    pd.message("generate --out=sound1 --out=sound2")
    pd.status("generated sound1 16000 800")


def test_the_array_fills_while_the_take_is_being_made(each_pd):
    begin_long_take(each_pd)
    samples = each_pd.samples("sound1")
    assert samples.size == 120 * 16000
    assert np.any(samples[:64]) and not np.any(samples[-1000:])
    end_take(each_pd)


def test_stop_keeps_what_is_finished_and_a_take_asked_for_at_once_follows(each_pd):
    begin_long_take(each_pd)
    each_pd.message("stop")
    each_pd.message("length 0.01")
    each_pd.message("generate sound1 sound2")
    done = int(each_pd.status(r"stopped sound1 16000 (\d+)")[1])
    assert 0 < done < 120 * 16000
    each_pd.status("generated sound2 16000 160")


def test_the_last_stop_is_the_last_word(pd):
    """Sent at once: generate, stop, generate, stop."""
    pd.message("length 120")
    for message in ("generate sound1 sound2", "stop", "generate sound1 sound2", "stop"):
        pd.message(message)
    pd.wait_for(r"^status: (stopped sound2 16000 \d+|error .*)$")
    time.sleep(0.5)
    pd.message("stop")
    pd.status("error stop: no take is running")


def test_what_is_set_behind_a_waiting_take_is_for_that_take(pd):
    begin_long_take(pd)
    for message in ("stop", "length 0.01", "generate sound1 sound2", "length 0.02"):
        pd.message(message)
    pd.status("generated sound2 16000 160")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 320")


def test_what_an_array_held_before_is_silent_behind_a_stopped_take(each_pd):
    for name in ("sound1", "sound2"):
        each_pd.send(name, "resize", 320000)
        each_pd.send(name, "const", 0.5)
    each_pd.message("length 20")
    each_pd.message("generate sound1 sound2")
    each_pd.status("progress .*")
    each_pd.message("stop")
    done = int(each_pd.status(r"stopped sound2 16000 (\d+)")[1])
    silent_by = time.monotonic() + 20
    while np.any(each_pd.samples("sound2")[done:]) and time.monotonic() < silent_by:
        time.sleep(0.2)
    for name in ("sound1", "sound2"):
        samples = each_pd.samples(name)
        assert len(samples) == 320000 and not np.any(samples[done:])


def test_temperature_in_mid_take_changes_what_follows_and_nothing_before(pd):
    pd.message("rng 3")
    pd.message("temperature 1")
    begin_long_take(pd)
    time.sleep(1)
    plain = end_take(pd)
    pd.message("generate sound1 sound2")
    turned_at = int(float(pd.status(r"progress \S+ (\S+) \S+")[1]) * 16000)
    pd.message("temperature 0")
    time.sleep(1)
    turned = end_take(pd)
    length = min(plain.size, turned.size)
    assert np.array_equal(plain[:turned_at], turned[:turned_at])
    assert not np.array_equal(plain[:length], turned[:length])
    assert np.unique(turned[-500:]).size < 16  # temperature 0 is not random
    pd.message("temperature 1")


def test_a_ramp_in_mid_take_arrives_at_its_target(pd):
    begin_long_take(pd)
    pd.message("ramp 0 0.01")
    time.sleep(1)
    assert np.unique(end_take(pd)[-500:]).size < 16
    pd.message("temperature 1")


def test_an_envelope_array_is_the_temperature_over_the_take(each_pd):
    each_pd.send("curve", "const", 0)
    each_pd.message("rng 5")
    each_pd.message("length 0.05")
    each_pd.message("envelope curve")
    each_pd.message("generate sound1 sound2")
    each_pd.status("generated sound2 16000 800")
    assert np.array_equal(each_pd.samples("sound1"), each_pd.samples("sound2"))
    each_pd.message("envelope")
    each_pd.message("generate sound1 sound2")
    each_pd.status("generated sound2 16000 800")
    assert not np.array_equal(each_pd.samples("sound1"), each_pd.samples("sound2"))


def test_info_tells_the_model_and_the_settings(pd):
    pd.message("length 3")
    pd.message("info")
    pd.status("info model gru_mulaw")
    pd.status("info rnn gru 24 2")
    pd.status("info voices 2")
    pd.status("info length 3")


BAD_MESSAGES = [
    ("dance", "dance"),
    ("load no-such-folder", "no-such-folder"),
    ("load", "load DIR"),
    ("generate nowhere sound2", "nowhere"),
    ("generate sound1", "1 array.* 2 voice"),
    ("generate sound1 sound2 source", "3 array.* 2 voice"),
    ("temperature 1 1 1", "3 temperatures"),
    ("temperature -1", "-1"),
    ("temperature nan", "nan"),
    ("temperature hot", "hot"),
    ("length 0", "0"),
    ("length -4", "-4"),
    ("length nan", "nan"),
    (f"load {GRU} voices 1000", "64"),
    ("generate --dur 17000 --out sound1 --out sound2", "array holds"),
    ("generate --dur 3000 --out_sr 384000 --out sound1 --out sound2", "array holds"),
    ("generate --dur 1e12 --out sound1 --out sound2", "array holds"),
    ("generate --seed missing.wav --out sound1 --out sound2", "missing.wav"),
    ("generate --temp Env([1 --out sound1 --out sound2", "Env"),
    ("stop", "no take"),
]


@pytest.mark.parametrize("message, quoted", BAD_MESSAGES, ids=[m for m, _ in BAD_MESSAGES])
def test_a_bad_message_gets_one_line_and_one_error_and_the_next_one_works(each_pd, message, quoted):
    each_pd.message("length 0.01")
    each_pd.message(message)
    each_pd.wait_for(rf"^samplernn: .*{quoted}.*$")
    each_pd.status(rf"error .*{quoted}.*")
    each_pd.message("generate sound1 sound2")
    each_pd.status("generated sound2 16000 160")


def test_a_bad_seed_file_gets_one_line_and_the_next_take_works(pd, tmp_path):
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
    soundfile.write(tmp_path / "stereo.wav", np.full((50, 2), 0.1), 44100)
    soundfile.write(tmp_path / "silent.wav", np.zeros(500), 16000)
    pd.message("length 0.01")
    for name, told in (
        ("empty", "error .*empty.wav"),
        ("none", "error .*none.wav"),
        ("silent", "notice .*ends in silence"),
    ):
        pd.message(f"seed {tmp_path}/{name}.wav")
        pd.message("generate sound1 sound2")
        pd.status(f"{told}.*")
    pd.status("generated sound2 16000 160")  # a silent seed is reported and does no harm
    pd.message(f"seed {tmp_path}/stereo.wav")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 160")
    pd.message("seed")


def model_copy(folder, *, dim=24, cut_bytes=0):
    """Return a copy of the GRU fixture with another `dim` in its config or with truncated data."""
    copy_checkpoint("gru_mulaw", folder)
    config = folder / "gru-mulaw.config.json"
    config.write_text(config.read_text().replace('"dim": 24', f'"dim": {dim}'))
    data = folder / "model.ckpt-1.data-00000-of-00001"
    os.truncate(data, data.stat().st_size - cut_bytes)
    return folder


def evil_copy(folder):
    """Return a model folder whose packed weights have right checksums and wrong settings."""
    for path in model_copy(folder).glob("model.ckpt*"):
        path.unlink()
    write_packed(folder / "evil.float32.pack", CONFIG, PackedModel(*short_levels()))
    return folder


def pipe_copy(folder):
    """Return a model folder whose config is a pipe that nobody writes to."""
    config = model_copy(folder) / "gru-mulaw.config.json"
    config.unlink()
    os.mkfifo(config)
    return folder


def test_a_model_that_cannot_be_loaded_gets_one_line_and_the_old_one_stays(each_pd, tmp_path):
    twice = model_copy(tmp_path / "twice")
    shutil.copy(twice / "gru-mulaw.config.json", twice / "other.config.json")
    (tmp_path / "empty").mkdir()
    broken = {
        evil_copy(tmp_path / "evil"): "evil.float32.pack is damaged: its settings",
        pipe_copy(tmp_path / "pipe"): "Not a regular file",
        model_copy(tmp_path / "huge", dim=16384): r"expected \(16, 16384\)",
        twice: "other.config.json",
        tmp_path / "empty": "empty",
        model_copy(tmp_path / "misfit", dim=32): r"\(24, 72\).* expected \(32, 96\)",
        model_copy(tmp_path / "cut", cut_bytes=1000): "damaged",
    }
    each_pd.message("length 0.01")
    for folder, quoted in broken.items():
        each_pd.message(f"load {folder}")
        each_pd.wait_for(rf"^samplernn: .*{quoted}.*$", LOAD_LIMIT_S)
        each_pd.status("error .*")
        each_pd.message("generate sound1 sound2")
        each_pd.status("generated sound2 16000 160")


def test_the_index_file_of_a_checkpoint_is_as_good_as_its_folder(pd):
    pd.message(f"load {GRU}/model.ckpt-1.index voices 2")
    pd.status("loaded gru_mulaw 16000 2")


def test_generate_and_load_while_a_take_runs_are_refused_and_the_take_goes_on(pd):
    begin_long_take(pd)
    for message in ("generate sound1 sound2", f"load {GRU}"):
        pd.message(message)
        pd.status(r"error .*running.*")
    pd.status(r"progress .*")
    end_take(pd)


def made_again(path):
    """Return the bytes of the WAV that `generate --from` writes for the take at `path`."""
    again = path.with_name("again.wav")
    flags = ["generate", "--from", str(path.with_suffix(".json")), "--output_path", str(again)]
    assert main(flags) == 0
    return again.read_bytes()


def test_a_saved_take_is_made_again_at_the_command_line(pd, tmp_path):
    pd.send("curve", "const", 0.9)
    for message in ("rng", "temperature 0.9 1", "ramp 0.5 0.1", "length 0.2", "seed sound1 44100"):
        pd.message(message)
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 3200")
    path = tmp_path / "take.wav"
    pd.message(f"save {tmp_path}/take")
    pd.status(f"saved {path}")
    assert made_again(path) == path.read_bytes()
    channels = soundfile.read(path)[0].T
    for name, channel in zip(("sound1", "sound2"), channels):
        np.testing.assert_allclose(channel, pd.samples(name), atol=1 / 32768)
    pd.message("seed")
    pd.message("temperature 1")


def test_a_take_that_was_turned_continued_and_stopped_is_made_again(pd, tmp_path):
    pd.message("length 0.1")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 1600")
    pd.message("length 120")
    pd.message("continue sound1 sound2")
    for message in ("temperature 0.8 0.4", "ramp 1.1 0.5", "temperature 0.9"):
        pd.status(r"progress .*")
        pd.message(message)
    pd.status(r"progress .*")
    path = tmp_path / "take.wav"
    pd.message("stop")
    pd.message(f"save {path}")  # once it has ended
    done = int(pd.status(r"stopped sound1 16000 (\d+)")[1])
    pd.status(f"saved {path}")
    assert soundfile.info(path).frames == done
    assert made_again(path) == path.read_bytes()
    pd.message("temperature 1")


def test_save_never_replaces_what_it_was_not_asked_to(pd, tmp_path):
    (tmp_path / "bell.json").write_text("mine")
    pd.message("length 0.01")
    for number in (2, 3):
        pd.message("generate sound1 sound2")
        pd.status("generated sound2 16000 160")
        pd.message(f"save {tmp_path}/bell")
        pd.status(f"notice .*the take is saved as bell-{number}.wav")
        pd.status(f"saved {tmp_path}/bell-{number}.wav")
    assert (tmp_path / "bell.json").read_text() == "mine"


def test_save_says_why_it_cannot(pd, tmp_path):
    begin_long_take(pd)
    pd.message(f"save {tmp_path}/take")
    pd.status("error save: a take is running .*")
    end_take(pd)
    pd.message(f"save {tmp_path}/no/take")
    pd.status("error cannot write .*/no/take.wav.*")
    pd.message("length 0.01")
    pd.message("generate sound1 sound2")
    pd.status("generated sound2 16000 160")


def test_save_without_polls_and_beside_the_patch(tmp_path):
    """An object of the older kind, in a patch of its own folder."""
    shutil.copytree(PATCHES, tmp_path / "pd")
    with ClassInPd(tmp_path / "pd" / "class-detached.pd") as pd:
        pd.message("save take")
        pd.status("error save: there is no take .*")
        pd.load()
        pd.message("save take")
        pd.status("error there is no take to save .*")
        pd.message("generate --dur 0.01 --out sound1")
        pd.status("generated sound1 16000 160")
        pd.message("save take")
        pd.status(f"saved {tmp_path}/pd/take.wav")
    assert soundfile.info(tmp_path / "pd" / "take.wav").frames == 160


def test_a_seed_steers_the_take_from_an_array_or_a_file(tmp_path):
    """With the trained model: models with random weights hardly depend on the past."""
    tone = (np.sin(np.arange(1600) * 0.2) * 0.5).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, 16000, subtype="FLOAT")
    takes = []
    with ClassInPd() as pd:
        pd.message(f"load {PROJECT}/models/preludes")
        pd.status("loaded preludes 16000 1", LOAD_LIMIT_S)
        pd.send("pd-host-soundfiler", "read", "-resize", str(tmp_path / "tone.wav"), "source")
        pd.message("rng 5")
        pd.message("length 0.05")
        for seed in ("seed", "seed source 16000", f"seed {tmp_path}/tone.wav", "seed source"):
            pd.message(seed)
            pd.message("generate sound1")
            pd.status("generated sound1 16000 800")
            takes.append(pd.samples("sound1"))
    assert not np.array_equal(takes[0], takes[1])
    assert np.array_equal(takes[1], takes[2])
    assert not np.array_equal(takes[1], takes[3])  # at Pd's rate it is a different sound


def test_pd_needs_the_folder_of_the_patches_alone_on_its_search_path(tmp_path):
    patch = shutil.copy(PATCHES / "class-polled.pd", tmp_path)
    with PdHost(patch, args=("-path", str(PROJECT / "pd"))) as pd:
        pd.send("samplernn", "unload")
        pd.wait_for("^status: worker off$")
