"""Print how a long take holds up as a Markdown table, one row per minute of sound.

    python bench/endurance.py [--minutes M] [--ckpt_dir MODEL] [--precision P]
                              [--num_seqs N] [--threads T]

The sound is one `sopilib.generation.take.Take`. The exit status is 1 if memory grew after the
first minute, if there was NaN in the sound or the logits, or if a voice was stuck at a level
other than silence. A change of speed is only reported: other programs slow a machine, too.
"""

import argparse
import sys
import time
from dataclasses import dataclass

import numpy as np

from sopilib.commands.bench import resident_mb
from sopilib.engine.load import PRECISIONS, load_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model
from sopilib.model.quantize import quantize

MOST_GROWTH_MB = 10
MOST_STUCK_S = 1
LEAST_SPEED = 0.8  # relative to the first minute


@dataclass
class Minute:
    """The measurements of a minute of sound, all voices together.

    Attributes:
      times_real_time: speed of each voice.
      resident_mb: memory of the process at its end.
      peak: largest absolute sample.
      most_common: fraction of the samples that have the most common level.
      longest_run_s: of one level other than silence, including runs that began earlier.
      num_nan: in the samples, and in the logits at its end.
    """

    times_real_time: float
    resident_mb: float
    peak: float
    most_common: float
    longest_run_s: float
    num_nan: int


class Runs:
    """A tracker of how long each voice has stayed at its level."""

    def __init__(self, num_seqs, silence):
        self._silence = silence
        self._levels = np.full(num_seqs, silence)
        self._lengths = np.zeros(num_seqs, int)

    def longest(self, levels):
        """Return the longest run in `levels` (num_seqs, n), which continue the previous ones."""
        longest = 0
        for voice, row in enumerate(levels):
            starts = np.flatnonzero(np.diff(row, prepend=self._levels[voice]))
            lengths = np.diff([-self._lengths[voice], *starts, len(row)])
            level_of_run = np.array([self._levels[voice], *row[starts]])
            longest = max(longest, lengths[level_of_run != self._silence].max(initial=0))
            self._levels[voice], self._lengths[voice] = level_of_run[-1], lengths[-1]
        return longest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--minutes", type=int, default=10, metavar="M", help="of sound (default 10)")
    add("--ckpt_dir", metavar="MODEL", help="a model folder (default: the bundled preludes)")
    add("--precision", choices=PRECISIONS, default="auto")
    add("--num_seqs", type=int, default=1, metavar="N", help="voices (default 1)")
    add("--threads", type=int, metavar="T", help="(default: the cores, but one of several)")
    args = parser.parse_args()
    files = find_model(args.ckpt_dir or models_folder() / "preludes")
    generator = load_generator(files, args.num_seqs, args.precision, args.threads)
    print(
        f"{files.folder.name}, {args.precision}, {generator.engine}, voices: {args.num_seqs}, "
        f"threads: {generator.threads}\n"
    )
    print("| minute | real time | resident MB | peak | most common level | longest run s | NaN |")
    print("|---|---|---|---|---|---|---|")
    minutes = []
    for minute in measured_minutes(generator, args.minutes):
        minutes.append(minute)
        print_row(len(minutes), minute)
    return print_verdict(minutes)


def levels_of(audio, config):
    """Return the levels int32 of generated audio."""
    # linear quantization truncates, so half a step moves from a level's edge to its middle
    amid = audio + 1 / config.q_levels if config.q_type == "linear" else audio
    return quantize(amid, config.q_type, config.q_levels)


def measured_minutes(generator, num_minutes):
    """Yield each Minute of a take; a chunk belongs to the minute in which it begins."""
    config = generator.config
    runs = Runs(generator.num_seqs, config.q_levels // 2)
    chunks = iter(Take(generator, TakeRequest(dur_s=60.0 * num_minutes, rng_seed=0)))
    num_made = 0
    for end in range(60, 60 * num_minutes + 1, 60):
        began_at, work_s, peak, run, num_nan = num_made, 0.0, 0.0, 0, 0
        counts = np.zeros(config.q_levels, int)
        while num_made < end * config.sample_rate:
            began = time.perf_counter()
            chunk = next(chunks)
            work_s += time.perf_counter() - began
            num_made += chunk.shape[1]
            num_nan += np.isnan(chunk).sum()
            levels = levels_of(np.nan_to_num(chunk), config)
            counts += np.bincount(levels.ravel(), minlength=config.q_levels)
            peak = max(peak, abs(chunk).max(initial=0))
            run = max(run, runs.longest(levels))
        yield Minute(
            times_real_time=(num_made - began_at) / config.sample_rate / work_s,
            resident_mb=resident_mb(),
            peak=peak,
            most_common=counts.max() / counts.sum(),
            longest_run_s=run / config.sample_rate,
            num_nan=int(num_nan + np.isnan(generator.next_logits()).sum()),
        )


def print_row(number, minute):
    cells = (
        number,
        f"{minute.times_real_time:.2f}",
        f"{minute.resident_mb:.1f}",
        f"{minute.peak:.3f}",
        f"{100 * minute.most_common:.1f} %",
        f"{minute.longest_run_s:.3f}",
        minute.num_nan,
    )
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def print_verdict(minutes):
    """Print whether the take passed; return the exit status."""
    first, last = minutes[0], minutes[-1]
    growth_mb = max(minute.resident_mb for minute in minutes) - first.resident_mb
    run_s = max(minute.longest_run_s for minute in minutes)
    num_nan = sum(minute.num_nan for minute in minutes)
    speed = last.times_real_time / first.times_real_time
    is_sound = growth_mb <= MOST_GROWTH_MB and run_s <= MOST_STUCK_S and not num_nan
    print(
        f"\n{'passed' if is_sound else 'FAILED'}: memory grew by {growth_mb:.1f} MB after the "
        f"first minute (at most {MOST_GROWTH_MB}), the longest run took {run_s:.3f} s (at most "
        f"{MOST_STUCK_S}), {num_nan} NaN; the last minute ran at {100 * speed:.0f} % of "
        f"the first's speed{' (drift)' if speed < LEAST_SPEED else ''}"
    )
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
