"""The right pitch in a real Pd: the meaning of `--out_sr` if a model's rate is unknown."""

import json
import re

import numpy as np
from class_in_pd import LOAD_LIMIT_S, ClassInPd
from golden import copy_checkpoint

from sopilib.commands.main import main


def load(pd, folder, rest="", rate=16000):
    pd.message(f"load {folder} precision float32 {rest}")
    pd.status(f"loaded {folder.name} {rate} 1", LOAD_LIMIT_S)


def take(pd, message, rate, num_samples):
    """Return the samples that `message` puts into `sound1`."""
    pd.message(message)
    pd.status(f"generated sound1 {rate} {num_samples}")
    return pd.samples("sound1")


def told(pd, text):
    """Return how often a line of the status says `text`."""
    return len(re.findall(rf"^status: .*{re.escape(text)}", pd.console, re.MULTILINE))


def peak_per_sample(samples):
    """Return the frequency of the highest peak in the spectrum, in cycles per sample."""
    windowed = (samples - samples.mean()) * np.hanning(len(samples))
    size = 1 << 20
    return np.abs(np.fft.rfft(windowed, size)).argmax() / size


def test_out_sr_is_the_rate_where_nothing_says_it_and_the_samples_are_as_they_are(tmp_path):
    """The pitch of a take moves with --out_sr, as in the program that trained the model."""
    folder = copy_checkpoint("gru_mulaw", tmp_path / "model")
    with ClassInPd() as pd:
        load(pd, folder)
        pd.message("info")
        pd.status("info sample_rate 16000 assumed")
        pd.message("rng 5")
        pd.message("length 0.25")
        plain = take(pd, "generate sound1", 16000, 4000)
        flags = "--dur 0.25 --temp 1 --out sound1"
        old = take(pd, f"generate --out_sr 44100 {flags}", 44100, 11025)
        assert np.array_equal(old[:4000], plain)
        notice = "notice the sample rate of model is unknown: --out_sr 44100 is taken as it"
        assert told(pd, notice) == 1
        take(pd, f"generate --out_sr 44100 {flags}", 44100, 11025)
        take(pd, f"generate --out_sr 16000 {flags}", 16000, 4000)
        pd.sync()
        assert told(pd, "is taken as it") == 1
        # a take that resumes it keeps its rate, a new take has the assumed rate
        take(pd, f"generate --out_sr 44100 {flags}", 44100, 11025)
        assert take(pd, "continue sound1", 44100, 11025).size == 11025
        assert np.array_equal(take(pd, "generate sound1", 16000, 4000), plain)


def test_the_pitch_of_a_take_at_a_known_rate_stays_and_at_an_assumed_one_follows(tmp_path):
    known = copy_checkpoint("gru_mulaw", tmp_path / "known")
    unknown = copy_checkpoint("gru_mulaw", tmp_path / "unknown")
    assert main(["set-rate", str(known), "16000"]) == 0
    hertz = {}
    with ClassInPd() as pd:
        for folder in (known, unknown):
            load(pd, folder)
            pd.message("rng 5")
            for rate in (16000, 44100):
                message = f"generate --out_sr {rate} --dur 0.5 --temp 0 --out sound1"
                samples = take(pd, message, rate, rate // 2)
                hertz[folder.name, rate] = peak_per_sample(samples[rate // 20 :]) * rate
    assert hertz["known", 16000] > 100
    assert abs(hertz["known", 44100] / hertz["known", 16000] - 1) < 0.01
    assert abs(hertz["unknown", 44100] / hertz["unknown", 16000] - 44100 / 16000) < 0.03


def test_load_says_the_rate_and_out_sr_resamples_then(tmp_path):
    folder = copy_checkpoint("gru_mulaw", tmp_path / "model")
    with ClassInPd() as pd:
        load(pd, folder, "rate 22050", 22050)
        pd.message("info")
        pd.status("info sample_rate 22050 stated")
        pd.message("rng 5")
        pd.message("length 0.1")
        plain = take(pd, "generate sound1", 22050, 2205)
        pd.message(f"save {tmp_path / 'take.wav'}")
        pd.status("saved .*")
        flags = "--dur 0.1 --temp 1 --out sound1"
        resampled = take(pd, f"generate --out_sr 44100 {flags}", 44100, 4410)
        assert not np.array_equal(resampled[:2205], plain)
        assert np.abs(resampled[::2] - plain).mean() < 0.5 * np.abs(plain).mean()
        pd.message(f"load --ckpt_dir {folder} --sample_rate 8000")
        pd.status("rate 8000 stated", LOAD_LIMIT_S)
        pd.message(f"load {folder} rate 100")
        pd.status(r"error rate: 100 Hz \(a whole number from 1000 to 384000\)")
    assert json.loads((tmp_path / "take.json").read_text())["model"]["sample_rate"] == 22050
    assert main(["generate", "--from", str(tmp_path / "take.json")]) == 0


def test_a_take_under_out_sr_is_saved_with_a_record_that_makes_it_again(tmp_path):
    folder = copy_checkpoint("gru_mulaw", tmp_path / "model")
    with ClassInPd() as pd:
        load(pd, folder)
        pd.message("length 0.1")
        take(pd, "generate --out_sr 44100 --dur 0.1 --temp 0.9 --out sound1", 44100, 4410)
        take(pd, "continue sound1", 44100, 4410)
        pd.message(f"save {tmp_path / 'take.wav'}")
        pd.status("saved .*")
    assert main(["set-rate", str(folder), "22050"]) == 0
    assert main(["generate", "--from", str(tmp_path / "take.json")]) == 0
    again = (tmp_path / "take-again.wav").read_bytes()
    assert again == (tmp_path / "take.wav").read_bytes()
