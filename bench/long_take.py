"""Watch the memory of a long take; kill it at random moments, resume it, and compare the files.

    python bench/long_take.py [MODEL] [--dur 3600] [--num_seqs 4] [--kills 3] [--output FILE.json]
                              [--flags '--precision int8 --threads 1']

`samplernn generate` makes the take twice, in processes of its own: at one go, then ended by
SIGKILL when random places of the sound are on disk, each time resumed with --resume. Prints the
memory minute by minute and the digests as Markdown; FILE.json has the figures, FILE.png a plot.

The exit status is 1 if the files differ, if a process had more than MOST_MB besides the weights,
or if its memory grew by more than MOST_GROWTH_MB after the first tenth of the sound.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import soundfile

from sopilib.album.track_files import file_digest
from sopilib.commands.arguments import search_folders
from sopilib.model.folder import find_model

MOST_MB = 150.0
MOST_GROWTH_MB = 10.0
SAMPLED_EVERY_S = 0.25
_COMMAND = [
    *(sys.executable, "-c"),
    "import sys; from sopilib.commands.main import main; sys.exit(main())",
    "generate",
]


@dataclass
class Watched:
    """What was seen of a process that generates.

    Attributes:
      memory: (seconds since its start, seconds of sound on disk, MB) again and again.
      peak_mb: the most that it ever had.
      was_killed: whether it was, before it ended by itself.
    """

    memory: list[tuple[float, float, float]] = field(default_factory=list)
    peak_mb: float = 0.0
    was_killed: bool = False


def main(words: Sequence[str] | None = None) -> int:
    """Make the take twice, print and write what was seen; return the exit status."""
    args = parsed(words)
    with tempfile.TemporaryDirectory(prefix="long-take-", dir=args.folder) as folder:
        whole, sums = whole_take(args, Path(folder))
        parts, same_sums = killed_take(args, Path(folder))
    figures = {
        "seconds_of_sound": args.dur,
        "voices": args.num_seqs,
        "weights_mb": weights_mb(args.model),
        "peak_mb": max(watched.peak_mb for watched in [whole, *parts]),
        "growth_mb": max(growth_mb(watched, args.dur) for watched in [whole, *parts]),
        "seconds": whole.memory[-1][0],
        "killed_at_s": [watched.memory[-1][1] for watched in parts if watched.was_killed],
        "is_same": sums == same_sums,
    }
    print(minute_table(whole))
    print("\n".join(f"{name}: {value}" for name, value in {**figures, **sums}.items()))
    runs = [asdict(watched) for watched in [whole, *parts]]
    args.output.write_text(json.dumps({**figures, "sha256": sums, "runs": runs}))
    plot([whole, *parts], args.output.with_suffix(".png"))
    return int(not holds(figures))


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", nargs="?", default="tabla", metavar="MODEL", help="(default tabla)")
    add("--dur", type=float, default=3600.0, metavar="S", help="of the take (default 3600)")
    add("--num_seqs", type=int, default=4, metavar="N", help="voices (default 4)")
    add("--kills", type=int, default=3, metavar="N", help="random moments (default 3)")
    add("--rng_seed", type=int, default=1, metavar="N", help="of take and moments (default 1)")
    add("--folder", metavar="DIR", help="where the sound goes (default: that of temporary files)")
    add("--output", type=Path, default=Path("long_take.json"), metavar="FILE.json")
    add("--flags", type=shlex.split, default=[], metavar="'FLAGS'", help="of generate")
    return parser.parse_args(words)


def whole_take(args: argparse.Namespace, folder: Path) -> tuple[Watched, dict[str, str]]:
    """Make the take at one go; return what was seen and the digests of its sounds."""
    watched = watch(take_flags(args, "take.wav"), folder, args.dur)
    return watched, digests(folder)


def killed_take(args: argparse.Namespace, folder: Path) -> tuple[list[Watched], dict[str, str]]:
    """Make the take in as many goes as it is killed, and one; return what `whole_take` does."""
    moments = random.Random(args.rng_seed)
    places = sorted(moments.uniform(0, args.dur) for _ in range(args.kills))
    flags, runs = take_flags(args, "take.wav"), []
    for place in [*places, None]:
        runs.append(watch(flags, folder, args.dur, place))
        if not runs[-1].was_killed:
            break
        flags = ["--resume", "take.wav"]
    return runs, digests(folder)


def take_flags(args: argparse.Namespace, name: str) -> list[str]:
    """Return the flags of the take."""
    values = {"--dur": args.dur, "--num_seqs": args.num_seqs, "--rng_seed": args.rng_seed}
    flags = [word for flag, value in values.items() for word in (flag, str(value))]
    path = Path(args.model).absolute() if Path(args.model).exists() else args.model
    return ["--ckpt_dir", str(path), *flags, "--output_path", name, *args.flags]


def watch(
    flags: Sequence[str], folder: Path, dur_s: float, kill_at_s: float | None = None
) -> Watched:
    """Return what is seen of `generate` until it ends, or is killed at a place of its sound.

    Raises:
      CalledProcessError: it fails.
    """
    watched, began = Watched(), time.monotonic()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*_COMMAND, *flags], cwd=folder, **quiet) as process:
        while process.poll() is None:
            made_s = sound_s(folder / "take.part.wav")
            note_memory(process.pid, watched, time.monotonic() - began, made_s)
            if kill_at_s is not None and made_s >= kill_at_s and made_s < dur_s:
                process.kill()
                watched.was_killed = process.wait() != 0
            time.sleep(SAMPLED_EVERY_S)
    if process.returncode and not watched.was_killed:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return watched


def sound_s(part: Path) -> float:
    """Return the seconds of an unfinished sound that are on disk."""
    try:
        info = soundfile.info(part)
    except soundfile.SoundFileError:  # it does not exist yet, or no more
        return 0.0
    return float(info.frames / info.samplerate)


def note_memory(pid: int, watched: Watched, now_s: float, made_s: float) -> None:
    """Note the memory of a process, unless it has just ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    if "VmRSS" in values:
        watched.memory.append((now_s, made_s, _mb(values["VmRSS"])))
        watched.peak_mb = max(watched.peak_mb, _mb(values["VmHWM"]))


def _mb(text: str) -> float:
    """Return the MB of a text such as '1234 kB' of /proc."""
    return int(text.split()[0]) * 1024 / 1e6


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the sounds of a take by their names, and delete them."""
    found = {}
    for path in sorted(folder.glob("take*.wav")):
        found[path.name] = file_digest(path)
        path.unlink()
    return found


def weights_mb(model: str) -> float:
    """Return the MB of a model's largest packed file, 0 where it has none."""
    files = find_model(model, search=search_folders())
    sizes = [path.stat().st_size for path in files.folder.glob("*.pack")]
    return max(sizes, default=0) / 1e6


def growth_mb(watched: Watched, dur_s: float) -> float:
    """Return by how much the memory of a process grew after a tenth of the sound, until its end."""
    begin_s = watched.memory[0][1]
    for _, made_s, before_mb in watched.memory:
        if made_s >= begin_s + dur_s / 10:
            return max(0.0, watched.peak_mb - before_mb)
    return 0.0


def holds(figures: dict[str, object]) -> bool:
    """Return whether the files are the same and the memory is flat."""
    above_mb = float(str(figures["peak_mb"])) - float(str(figures["weights_mb"]))
    is_flat = float(str(figures["growth_mb"])) <= MOST_GROWTH_MB
    return bool(figures["is_same"]) and above_mb <= MOST_MB and is_flat


def minute_table(watched: Watched) -> str:
    """Return the memory at the end of each minute of sound as a table."""
    rows, minute = ["| minute of sound | seconds since the start | MB |", "|---|---|---|"], 1
    for now_s, made_s, mb in watched.memory:
        if made_s >= 60 * minute:
            rows.append(f"| {int(made_s / 60)} | {now_s:.0f} | {mb:.1f} |")
            minute = int(made_s / 60) + 1
    return "\n".join(rows) + "\n"


def plot(runs: Sequence[Watched], path: Path) -> None:
    """Write a PNG: the memory of each process over the sound on disk."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    for place, watched in enumerate(runs):
        made = [(made_s / 60, mb) for _, made_s, mb in watched.memory if made_s]
        axes.plot(*zip(*made), label="killed" if watched.was_killed else f"ended ({place + 1})")
    axes.set_ylim(0)
    axes.set_xlabel("sound on disk (minutes)")
    axes.set_ylabel("memory (MB)")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", ncols=3)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main())
