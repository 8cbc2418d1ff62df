"""Measure trainings that differ in one setting; print a Markdown table.

    python bench/ablation_table.py CORPUS CHECKPOINT [CHECKPOINT ...] [--temperature T]
                                   [--minutes M]

CORPUS is the sound file or folder that all were trained on. A CHECKPOINT is one of a run folder,
or that folder, whose newest counts; its row has the name of the training (`--id`). The columns:

- the held-out bits per sample, as the training wrote them;
- the measures of `samplernn audition` for a minute at temperature 1, or T;
- *runaway*: the largest share of noise bursts in a minute of M (default 5) at temperatures 0.8, 1
  and 1.1, each with the largest silence behind it;
- *recovery*: the share of noise bursts in five seconds after two at temperature 1.9 and five at 1.

All takes begin in silence, with one random seed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from model_table import Sizes, markdown, say, similarities

from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.load import load_generator
from sopilib.errors import SampleRNNError
from sopilib.evaluation.reference import rounded_like_takes
from sopilib.evaluation.similarity import ReferenceStatistics, Similarity
from sopilib.evaluation.verdict import LEAST
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.temperature import Envelope
from sopilib.model.folder import ModelFiles, find_model
from sopilib.training.history import read_history

RUNAWAY_TEMPERATURES = (0.8, 1.0, 1.1)
MINUTE_S, SHORT_S = 60.0, 5.0
PUSHED_S, CALMED_S, PUSH_TEMPERATURE = 2.0, 5.0, 1.9


def main(words: Sequence[str] | None = None) -> int:
    """Measure the checkpoints that the arguments name; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, metavar="CORPUS")
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT")
    parser.add_argument("--temperature", type=float, default=1.0, metavar="T")
    parser.add_argument("--minutes", type=int, default=5, metavar="M")
    args = parser.parse_args(words)
    try:
        rows = list(rows_of(args))
    except SampleRNNError as error:
        print(f"ablation_table: {error}", file=sys.stderr)
        return 1
    heads = ["training", "held-out bits", *LEAST, *map(runaway_head, RUNAWAY_TEMPERATURES)]
    print(markdown([*heads, "recovery"], rows))
    return 0


def runaway_head(temperature: float) -> str:
    """Return the head of a column of runaway."""
    return f"runaway {temperature:g}"


def rows_of(args: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the cells of each checkpoint."""
    corpora: dict[int, RecordingSet] = {}  # by their rate in Hz
    for path in args.checkpoints:
        files = find_model(path)
        rate = files.config.sample_rate
        if rate not in corpora:
            corpora[rate] = read_recordings([args.corpus], rate)
        say(f"{training_name(files)}: measuring")
        yield cells(files, corpora[rate], args.temperature, args.minutes)


def training_name(files: ModelFiles) -> str:
    """Return the --id of a run, the name of the folder around it."""
    return files.folder.parent.name


def cells(
    files: ModelFiles, corpus: RecordingSet, temperature: float, num_minutes: int
) -> list[str]:
    """Return the cells of a checkpoint: name, bits, measures, runaway, recovery."""
    sounds = [rounded_like_takes(r.audio, files.config) for r in corpus.recordings]
    minutes = ReferenceStatistics(sounds, corpus.sample_rate, MINUTE_S)
    (take,) = measured(files, (temperature,), 1, minutes)
    runs = measured(files, RUNAWAY_TEMPERATURES, num_minutes, minutes)
    num_runs = len(RUNAWAY_TEMPERATURES)
    return [
        training_name(files),
        f"{held_out_bits(files.folder):.3f}",
        *(f"{take.measures[name]:.3g}" for name in LEAST),
        *(runaway_cell(runs[k::num_runs]) for k in range(num_runs)),
        f"{100 * noise_after_a_push(files, sounds, corpus.sample_rate):.0f} %",
    ]


def held_out_bits(folder: Path) -> float:
    """Return the held-out bits per sample of a run's last epoch, NaN where it has none."""
    lines = read_history(folder / "history.jsonl")
    bits = [line["val_bits_per_sample"] for line in lines if "val_bits_per_sample" in line]
    return float(bits[-1]) if bits else float("nan")


def runaway_cell(minutes: Sequence[Similarity]) -> str:
    """Return the largest noise and silence of the minutes, in percent."""
    noise, silence = (max(m.measures[name] for m in minutes) for name in ("noise", "silence"))
    return f"{100 * noise:.0f} %, {100 * silence:.0f} %"


def measured(
    files: ModelFiles,
    temperatures: tuple[float, ...],
    num_minutes: int,
    reference: ReferenceStatistics,
) -> list[Similarity]:
    """Return the Similarity of each voice's first minute, then of its second, and so on."""
    num_voices = len(temperatures)
    generator = load_generator(files, num_voices, "int8", None)
    sizes = Sizes(num_voices, MINUTE_S, num_minutes)
    return list(similarities(generator, reference, temperatures, sizes))


def noise_after_a_push(files: ModelFiles, sounds: Sequence[np.ndarray], sample_rate: int) -> float:
    """Return the share of noise bursts in the last seconds of a take that was pushed."""
    reference = ReferenceStatistics(sounds, sample_rate, SHORT_S)
    generator: EngineGenerator = load_generator(files, 1, "int8", None)
    pushed = Envelope((PUSH_TEMPERATURE, PUSH_TEMPERATURE, 1.0), (PUSHED_S, 0.0))
    request = TakeRequest(PUSHED_S + CALMED_S + SHORT_S, temperature=(pushed,), rng_seed=0)
    sound = np.concatenate(list(Take(generator, request)), axis=1)[0]
    return reference.measure(sound[-round(SHORT_S * sample_rate) :]).measures["noise"]


if __name__ == "__main__":
    sys.exit(main())
