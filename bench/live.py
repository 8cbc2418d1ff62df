"""Measure how soon Pd plays a change, how evenly, and how much of Pd's time a stream takes.

    python bench/live.py [--model preludes] [--trials 10] [--dur 120] [--latencies 20 50 100]

A real Pd without a window or sound card plays `[samplernn~ MODEL]` and records it,
with a mark in a second channel where a temperature, `recall_state` or `freeze` was sent. All
streams have the same random seed, so that the first changed sample is where the recording
first differs from a take generated in one piece. The delay should be the latency each time,
within a block of Pd, 1.5 ms. Then one long stream shows Pd's share of a processor and the
longest time that Pd's thread spent in one poll. Pd rests for `--sleepgrain` ms at most between
its blocks, as with a card of small blocks; by default, and with a card of 25 ms, for up to 5 ms.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model

LATENCIES_MS = (20, 50, 100)
FREEZE_MS = 50
RATE = 44100
RNG_SEED, BEFORE, AFTER = 5, 0.95, 0.3  # temperatures
CHANGES = {  # what is sent, and the ms after which its effect begins
    "temperature": (f"temperature {AFTER}", 0),
    "recall_state": ("recall_state 1", 0),
    "freeze": (f"freeze {FREEZE_MS / 1e3}", FREEZE_MS),
}
LONGEST_BEFORE_S = 1.5
FADE = 300  # samples, slightly longer than the fade-in of a stream
CHANGED = 1e-4  # resampling piece by piece differs by less than 1e-6
FOLDER = Path(__file__).resolve().parent


def main():
    args = _arguments()
    whole = _take(args.model, LONGEST_BEFORE_S + 1.0)
    print("| change | latency set | delay, median | earliest to latest | trials | underruns |")
    print("|---|---|---|---|---|---|")
    for name in CHANGES:
        for latency_ms in args.latencies:
            heard, num_underruns = _delays(name, latency_ms, args, whole)
            median = np.median(heard) if heard else np.nan
            spread = max(heard) - min(heard) if heard else np.nan
            print(
                f"| {name} | {latency_ms} ms | {median:.1f} ms | {spread:.1f} ms | {len(heard)} "
                f"| {num_underruns} |"
            )
    if args.dur:
        _print_cost(args)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="preludes", help="that is played")
    parser.add_argument("--sleepgrain", type=float, default=1.0, help="of Pd, in ms")
    parser.add_argument("--trials", type=int, default=10, help="for each latency")
    parser.add_argument("--dur", type=float, default=120.0, help="seconds of the long stream, or 0")
    parser.add_argument("--latencies", type=int, nargs="+", default=LATENCIES_MS, help="in ms")
    return parser.parse_args()


def _take(model, dur_s):
    """Return the beginning (n,) of every stream of the bench, generated in one piece."""
    files = find_model(model, search=(models_folder(),))
    request = TakeRequest(dur_s, out_rate=RATE, temperature=(BEFORE,), rng_seed=RNG_SEED)
    chunks = list(Take(make_generator(files, 1), request))
    return np.concatenate(chunks, axis=1)[0]


def _delays(name, latency_ms, args, whole):
    """Return the ms from each message to its first changed sample, and the number of underruns."""
    message, effect_ms = CHANGES[name]
    rng = random.Random(latency_ms)
    score = [f"0 live-stream latency {latency_ms}"]
    for _ in range(args.trials):
        before_ms = rng.uniform(700, 1e3 * LONGEST_BEFORE_S)
        score += [
            f"300 live-stream rng {RNG_SEED}",
            f"0 live-stream temperature {BEFORE}",
            "0 live-stream 1",
            "500 live-stream save_state 1",
            f"{before_ms - 500:.3f} live-turn {message}",
            f"{latency_ms + effect_ms + 300} live-stream 0",
            "0 live-mark 0",
        ]
    score += ["300 live-file stop", "500 pd quit"]
    recording, console = _play(args, score, args.trials * 4 + latency_ms / 10)
    heard = []
    for begin, mark in _trials(recording):
        late = begin + _first_change(recording[begin:, 0], whole) - mark
        if late > 0:  # else the sound ran out before the mark and the trial says nothing
            heard.append(1e3 * late / RATE - effect_ms)
    return heard, console.count("underrun")


def _trials(recording):
    """Yield the position of the first sound and that of the mark for each trial."""
    is_marked = recording[:, 1] > 0.5
    marks = np.flatnonzero(is_marked[1:] & ~is_marked[:-1]) + 1
    ends = np.flatnonzero(~is_marked[1:] & is_marked[:-1]) + 1
    for mark, last_end in zip(marks, [0, *ends]):
        # the previous sound fades out shortly after its mark ends, then there is silence
        place = last_end + RATE // 10 if last_end else 0
        yield place + np.flatnonzero(recording[place:, 0])[0], mark


def _first_change(sound, whole):
    """Return where `sound` first differs from the take, after the fade-in."""
    length = min(len(sound), len(whole))
    differs = np.abs(sound[:length] - whole[:length]) > CHANGED
    return FADE + np.flatnonzero(differs[FADE:])[0]


def _play(args, score, limit_s):
    """Play a score for qlist in Pd; return the recording (n, 2) and the console."""
    with tempfile.TemporaryDirectory() as folder:
        file, recording = Path(folder, "score.txt"), Path(folder, "live.wav")
        file.write_text(";\n".join([*_OPENING.format(recording).splitlines(), *score]) + ";\n")
        patch = Path(folder, "live.pd")
        text = (FOLDER / "live.pd").read_text().replace("preludes", args.model)
        patch.write_text(text.replace("-path ..", f"-path {FOLDER.parent}"))
        console = _run_pd(args, patch, limit_s, f"live-score {file}")
        return soundfile.read(recording, always_2d=True)[0], console


_OPENING = """0 live-file open -bytes 4 {}
0 pd dsp 1
0 live-file start"""


def _run_pd(args, patch, limit_s, *messages):
    command = ["pd", "-nogui", "-noprefs", "-nosound", "-rt", "-stderr", "-r", str(RATE)]
    command += ["-sleepgrain", str(args.sleepgrain)]
    for message in messages:
        command += ["-send", message]
    env = {**os.environ, "SAMPLERNN_PYTHON": sys.executable}
    run = subprocess.run(
        [*command, str(patch)], capture_output=True, text=True, timeout=limit_s + 60, env=env
    )
    return run.stdout + run.stderr


def _print_cost(args):
    dur_s = args.dur
    console = _run_pd(args, FOLDER / "poll_cost.pd", dur_s, f"poll-cost-dur {dur_s * 1e3}")
    num_polls, longest_ms, cpu_ms = map(float, re.search(r"cost (.*)", console)[1].split())
    print(
        f"\n{dur_s:g} s: Pd took {100 * cpu_ms / dur_s / 1e3:.1f} % of a processor, the longest "
        f"of {num_polls:.0f} polls {longest_ms:.2f} ms, {console.count('underrun')} underruns"
    )


if __name__ == "__main__":
    main()
