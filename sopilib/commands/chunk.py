"""`samplernn chunk`: cut sound files in any format into equal chunks for training.

`--input` converts all sounds to mono at one rate and level. The last chunk of a file ends
with the file, so that no sound is lost; its overlap may be longer than that of the others.
`--input_file`, PRiSM's flag, cuts files as PRiSM does, see `sopilib.audio.prism_chunks`.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib.audio.prism_chunks import write_prism_chunks
from sopilib.audio.recordings import SILENCE_DBFS, RecordingSet, is_silent, read_recordings
from sopilib.audio.write import write_new_audio
from sopilib.commands import quantities
from sopilib.errors import AudioError, printable
from sopilib.installation.paths import make_folder
from sopilib.model.config import DEFAULT_SAMPLE_RATE

REPORT_NAME = "chunks.txt"
PLOT_NAME = "levels.png"
_OVERLAP_MS = 1000
_LONGEST_STEM = 200  # bytes
_NO_CHUNK = "no chunk was written (see above; a shorter --chunk_length may help)"


@dataclass(frozen=True)
class Chunk:
    """A stretch of a recording.

    Attributes:
      path: of the recording.
      start_s: where it begins there, in seconds.
      peak: its largest amplitude after the gain.
      written: the chunk's file, or None for a silent chunk, which is not written.
    """

    path: Path
    start_s: float
    peak: float
    written: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `samplernn chunk`."""
    add = quantities.adder(parser)
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument(
        "--input",
        nargs="+",
        type=quantities.path,
        metavar="PATH",
        help="sound files, or folders to search for them",
    )
    inputs.add_argument(
        "--input_file",
        nargs="+",
        type=quantities.path,
        metavar="FILE.wav",
        help="sound files to cut as PRiSM does: rate, channels and level unchanged, no overlap "
        "unless --overlap is given, the last chunk dropped",
    )
    add(
        "--output_dir",
        required=True,
        type=quantities.path,
        metavar="DIR",
        help="created if it is missing",
    )
    add(
        "--chunk_length",
        type=quantities.MILLISECONDS,
        default=8000,
        metavar="MS",
        help="milliseconds (default 8000)",
    )
    add(
        "--overlap",
        type=quantities.OVERLAP,
        metavar="MS",
        help="milliseconds that a chunk shares with the previous one (default 1000; 0 with "
        "--input_file)",
    )
    add(
        "--sample_rate",
        type=quantities.RATE,
        metavar="HZ",
        help=f"(default {DEFAULT_SAMPLE_RATE}; with --input_file, the file's)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `samplernn chunk` and return its exit status."""
    if args.input_file:
        return _run_as_prism(args)
    args.overlap = _OVERLAP_MS if args.overlap is None else args.overlap
    args.sample_rate = DEFAULT_SAMPLE_RATE if args.sample_rate is None else args.sample_rate
    length, hop = _in_samples(args)
    _refuse_older_chunks(args.output_dir)
    recording_set = read_recordings(args.input, args.sample_rate)
    make_folder(args.output_dir, "--output_dir")
    chunks, left_out = write_chunks(recording_set, length, hop, args.output_dir)
    report = _report(recording_set, chunks, left_out, length)
    print(report)
    if not any(c.written for c in chunks):
        raise AudioError(_NO_CHUNK)
    try:
        (args.output_dir / REPORT_NAME).write_text(
            report + "\n", encoding="utf-8", errors="backslashreplace"
        )
        _plot_levels(chunks, args.output_dir / PLOT_NAME)
    except OSError as error:
        raise AudioError(
            f"cannot write the report into {args.output_dir}: {error.strerror} (free disk space)"
        ) from error
    return 0


def _run_as_prism(args: argparse.Namespace) -> int:
    """Cut the files of `--input_file` as PRiSM does; print a line for each chunk."""
    args.overlap = args.overlap or 0
    _check_lengths(args)
    make_folder(args.output_dir, "--output_dir")
    num_kept = num_silent = 0
    for path in args.input_file:
        for chunk in write_prism_chunks(
            path, args.chunk_length, args.overlap, args.output_dir, args.sample_rate
        ):
            num_kept += chunk.written is not None
            num_silent += chunk.written is None
            place = f"{chunk.start_ms} to {chunk.start_ms + args.chunk_length} ms"
            print(f"{chunk.written or 'silent, left out'}: {path}, {place}")
    print(f"{num_kept} chunks kept, {num_silent} silent ones left out")
    if not num_kept:
        raise AudioError(_NO_CHUNK)
    return 0


def _refuse_older_chunks(folder: Path) -> None:
    """Raise AudioError if there are older chunks: training would use both sets."""
    if (folder / REPORT_NAME).exists():
        raise AudioError(f"{folder} already has chunks in it (choose another folder, or remove it)")


def _in_samples(args: argparse.Namespace) -> tuple[int, int]:
    """Return the length of a chunk and the distance between chunk starts, in samples."""
    _check_lengths(args)
    length = args.chunk_length * args.sample_rate // 1000
    hop = (args.chunk_length - args.overlap) * args.sample_rate // 1000
    if not hop:
        raise AudioError("a chunk without its overlap is shorter than a sample (make it longer)")
    return length, hop


def _check_lengths(args: argparse.Namespace) -> None:
    if not 0 <= args.overlap < args.chunk_length:
        raise AudioError(
            f"--overlap {args.overlap} and --chunk_length {args.chunk_length} (give a length "
            "above 0 and an overlap from 0 to below it, both in milliseconds)"
        )


def chunk_starts(num_samples: int, length: int, hop: int) -> list[int]:
    """Return where the chunks of a recording begin, in samples; none if it is too short."""
    if num_samples < length:
        return []
    starts = list(range(0, num_samples - length + 1, hop))
    if starts[-1] + length < num_samples:
        starts.append(num_samples - length)
    return starts


def write_chunks(
    recording_set: RecordingSet, length: int, hop: int, output_dir: Path
) -> tuple[list[Chunk], list[tuple[Path, str]]]:
    """Write the chunks that are not silent as 16-bit WAV files.

    Args:
      recording_set: the recordings to cut.
      length: of a chunk, in samples.
      hop: from the start of a chunk to that of the next, in samples.
      output_dir: an existing folder.

    Returns:
      All chunks, and the recording set's `left_out` together with the recordings that are
      shorter than a chunk.
    """
    chunks: list[Chunk] = []
    rate, left_out = recording_set.sample_rate, list(recording_set.left_out)
    for number, recording in enumerate(recording_set.recordings):
        starts = chunk_starts(len(recording.audio), length, hop)
        if not starts:
            dur_s = len(recording.audio) / rate
            left_out.append((recording.path, f"{dur_s:.2f} s is shorter than a chunk"))
        for k, start in enumerate(starts):
            audio = np.asarray(recording.audio[start : start + length])
            written = None
            if not is_silent(audio):
                written = output_dir / f"{number:04}_{_stem(recording.path)}_{k:05}.wav"
                write_new_audio(written, audio, rate)
            chunks.append(Chunk(recording.path, start / rate, float(np.abs(audio).max()), written))
    return chunks, left_out


def _stem(path: Path) -> str:
    """Return the name of a recording without its suffix, cut so that a chunk's name can hold it."""
    if len(os.fsencode(path.stem)) <= _LONGEST_STEM:
        return path.stem
    return printable(path.stem).encode()[:_LONGEST_STEM].decode(errors="ignore")


def _report(
    recording_set: RecordingSet,
    chunks: Sequence[Chunk],
    left_out: Sequence[tuple[Path, str]],
    length: int,
) -> str:
    num_kept = sum(c.written is not None for c in chunks)
    rate = recording_set.sample_rate
    lines = [
        f"{len(recording_set.recordings)} files, {recording_set.dur_s:.1f} s at {rate} Hz, "
        f"gain {recording_set.gain_db:+.1f} dB on all",
        f"{num_kept} chunks of {length / rate:.3f} s kept, "
        f"{len(chunks) - num_kept} silent ones left out (below {SILENCE_DBFS:.0f} dBFS)",
    ]
    silent = [c for c in chunks if c.written is None]
    lines += [f"silent: {c.path} at {c.start_s:.3f} s" for c in silent]
    lines += [f"left out: {path}: {reason}" for path, reason in left_out]
    return "\n".join(map(printable, [*lines, *recording_set.odd, *recording_set.others]))


def _plot_levels(chunks: Sequence[Chunk], path: Path) -> None:
    """Write a PNG with the peak of every chunk, silent chunks in another colour."""
    from matplotlib.figure import Figure  # slow to import, so not before it is needed

    figure = Figure(figsize=(11, 4), layout="constrained")
    axes = figure.subplots()
    for is_kept, label, color in ((True, "kept", "#3b528b"), (False, "silent", "#d0573b")):
        shown = [k for k, c in enumerate(chunks) if (c.written is not None) == is_kept]
        levels = [20 * np.log10(max(chunks[k].peak, 1e-6)) for k in shown]
        axes.plot(shown, levels, ".", color=color, label=f"{label} ({len(shown)})")
    axes.axhline(SILENCE_DBFS, color="#888888", linewidth=0.8)
    axes.set_xlabel("chunk")
    axes.set_ylabel("peak (dBFS)")
    axes.set_ylim(-125, 3)
    axes.grid(alpha=0.25)
    axes.legend()
    figure.savefig(path, dpi=110)
