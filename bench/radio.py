"""Listen to `samplernn radio` at full speed for some time: gaps, joins and memory.

    python bench/radio.py [MODEL ...] [--time 3600] [--output radio.json] [--flags '--dur 60:90']

Reads the radio's standard output as fast as it comes and writes `radio.json` and, beside it, a
plot, `radio.png`.

- Joins: the largest step from one sample to the next within a crossfade, and in the rest.
- Gaps: the longest run of one and the same sample, which is what a gap in the sound would be;
  and how far the sound was ahead of a player that began with the first sample, at the least.
- Memory: of the radio, while it runs.

The exit status is 1 if a step at a join is larger than all others, a run is longer than MOST_RUN_S,
or memory grew by more than MOST_GROWTH_MB after the first third of the time.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

MOST_RUN_S = 0.25
MOST_GROWTH_MB = 10.0
BINS_PER_S = 10
PAGE_MB = 4096 / 1e6
SAMPLED_EVERY_S = 2.0
_TAKE = re.compile(r"take \d+: .*, (\S+) s, \S+ times real time")
_RATE = re.compile(r"(\d+) Hz")
_RADIO = "import sys; from sopilib.commands.main import main; sys.exit(main())"


@dataclass
class Listening:
    """What was heard of a radio.

    Attributes:
      rate: in Hz.
      steps: the largest step in each tenth of a second of sound.
      longest_run: of equal samples.
      ahead_s: at each block, seconds of sound minus seconds since the first one.
      memory: (seconds since its start, MB) of the process.
      lines: that it printed.
    """

    rate: int = 0
    steps: list[float] = field(default_factory=list)
    longest_run: int = 0
    ahead_s: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def main(words: Sequence[str] | None = None) -> int:
    """Listen, write JSON and plot, print the figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="*", default=["preludes"], metavar="MODEL", help="(default preludes)")
    add("--time", type=float, default=600.0, metavar="S", help="to listen (default 600)")
    add("--crossfade", type=float, default=4.0, metavar="S", help="(default 4)")
    add("--output", type=Path, default=Path("radio.json"), metavar="FILE.json")
    add("--flags", type=shlex.split, default=[], metavar="'FLAGS'", help="of the radio")
    args = parser.parse_args(words)
    flags = ["--ckpt_dir", *args.models, "--crossfade", str(args.crossfade), *args.flags]
    listening = listen(flags, args.time)
    figures = figures_of(listening, args.crossfade)
    args.output.write_text(json.dumps({**figures, **asdict(listening)}))
    plot(listening, args.crossfade, args.output.with_suffix(".png"))
    for name, value in figures.items():
        print(f"{name}: {value:.4g}")
    return int(not holds(figures))


def listen(flags: Sequence[str], dur_s: float) -> Listening:
    """Return what is heard of a radio in a process of its own, which then ends."""
    heard = Listening()
    command = [sys.executable, "-c", _RADIO, "radio", "--format", "f32le", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        threads = [
            threading.Thread(target=note_lines, args=(process, heard)),
            threading.Thread(target=note_memory, args=(process, heard)),
        ]
        for thread in threads:
            thread.start()
        note_sound(process, heard, dur_s)
        process.stdout.close()  # the radio ends
        for thread in threads:
            thread.join()
    return heard


def note_lines(process: subprocess.Popen, heard: Listening) -> None:
    """Note the lines that a radio prints, and the rate that the first one has."""
    for line in process.stderr:
        heard.lines.append(line.decode().rstrip())
        found = _RATE.match(heard.lines[-1])
        heard.rate = heard.rate or (int(found[1]) if found else 0)


def note_memory(process: subprocess.Popen, heard: Listening) -> None:
    """Note the memory of a process until it ends."""
    began = time.monotonic()
    while process.poll() is None:
        pages = Path(f"/proc/{process.pid}/statm").read_text().split()
        if len(pages) > 1:
            heard.memory.append((time.monotonic() - began, int(pages[1]) * PAGE_MB))
        time.sleep(SAMPLED_EVERY_S)


def note_sound(process: subprocess.Popen, heard: Listening, dur_s: float) -> None:
    """Note the sound of a radio for some seconds; raise if it ends before."""
    deadline, last, run = time.monotonic() + dur_s, 0.0, 0
    began: float | None = None
    while not heard.rate:
        if process.poll() is not None:
            raise RuntimeError("\n".join(["the radio ended", *heard.lines[-3:]]))
        time.sleep(0.01)
    while time.monotonic() < deadline:
        size = 4 * bin_length(len(heard.steps), heard.rate)
        content = process.stdout.read(size)
        if len(content) < size:
            raise RuntimeError("\n".join(["the radio ended", *heard.lines[-3:]]))
        now, block = time.monotonic(), np.frombuffer(content, "<f4")
        began = now if began is None else began
        steps = np.abs(np.diff(block, prepend=np.float32(last)))
        run, longest = runs(steps == 0, run)
        heard.steps.append(float(steps.max()))
        heard.longest_run, last = max(heard.longest_run, longest), block[-1]
        heard.ahead_s.append(len(heard.steps) / BINS_PER_S - (now - began))


def bin_length(number: int, rate: int) -> int:
    """Return the samples of a tenth of a second, of which `number` came before.

    At rates such as 11025 Hz not all have the same length.
    """
    return (number + 1) * rate // BINS_PER_S - number * rate // BINS_PER_S


def runs(is_equal: np.ndarray, before: int) -> tuple[int, int]:
    """Return the run of True at the end and the longest one, after `before` of them."""
    others = np.flatnonzero(~is_equal)
    if not len(others):
        return before + len(is_equal), before + len(is_equal)
    inside = np.diff(others).max(initial=1) - 1
    at_end = len(is_equal) - 1 - int(others[-1])
    return at_end, max(before + int(others[0]), int(inside), at_end)


def joins_of(heard: Listening, crossfade_s: float) -> list[float]:
    """Return when the crossfades begin that were heard, in seconds of sound."""
    lengths = [float(found[1]) for line in heard.lines if (found := _TAKE.match(line))]
    begins = np.cumsum([length - crossfade_s for length in lengths])
    return [float(begin) for begin in begins if begin + crossfade_s < len(heard.steps) / BINS_PER_S]


def figures_of(heard: Listening, crossfade_s: float) -> dict[str, float]:
    """Return the figures of what was heard."""
    steps, is_join = np.array(heard.steps), np.zeros(len(heard.steps), bool)
    joins = joins_of(heard, crossfade_s)
    for begin in joins:
        first, end = int(begin * BINS_PER_S), int((begin + crossfade_s) * BINS_PER_S) + 1
        is_join[first:end] = True
    memory = np.array(heard.memory)
    third = memory[:, 0] >= memory[-1, 0] / 3
    return {
        "seconds_of_sound": len(steps) / BINS_PER_S,
        "times_real_time": len(steps) / BINS_PER_S / memory[-1, 0],
        "joins": len(joins),
        "left_out": sum("left out" in line for line in heard.lines),
        "largest_step_at_joins": float(steps[is_join].max(initial=0)),
        "largest_step_elsewhere": float(steps[~is_join].max(initial=0)),
        "longest_run_s": heard.longest_run / heard.rate,
        "least_ahead_s": min(heard.ahead_s),
        "memory_mb": float(memory[:, 1].max()),
        "memory_growth_mb": float(memory[third, 1].max() - memory[third, 1][0]),
    }


def holds(figures: dict[str, float]) -> bool:
    """Return whether there is neither click nor gap, and memory is flat."""
    return (
        figures["largest_step_at_joins"] <= figures["largest_step_elsewhere"]
        and figures["longest_run_s"] <= MOST_RUN_S
        and figures["memory_growth_mb"] <= MOST_GROWTH_MB
    )


def plot(heard: Listening, crossfade_s: float, path: Path) -> None:
    """Write a PNG: steps and joins over the sound, sound ahead of a player, memory."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(11, 7), layout="constrained")
    steps, ahead, memory = figure.subplots(3, 1)
    minutes = np.arange(len(heard.steps)) / BINS_PER_S / 60
    steps.plot(minutes, heard.steps, color="#3b528b", linewidth=0.4)
    for begin in joins_of(heard, crossfade_s):
        steps.axvspan(begin / 60, (begin + crossfade_s) / 60, color="#e16462", alpha=0.4)
    steps.set_ylabel("largest step\n(crossfades red)")
    ahead.plot(minutes, heard.ahead_s, color="#3b528b")
    ahead.set_ylabel("ahead of a player (s)")
    ahead.set_xlabel("sound (minutes)")
    times, values = np.array(heard.memory).T
    memory.plot(times / 60, values, color="#3b528b")
    memory.set_ylim(0)
    memory.set_ylabel("memory (MB)")
    memory.set_xlabel("time (minutes)")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main())
