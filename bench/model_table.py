"""Measure models against their corpora; print Markdown tables and write JSON.

    python bench/model_table.py [MODEL ...] --corpus NAME=FILE [NAME=FILE ...]
                                [--temperature NAME=T ...] [--threads N] [--minutes M]
                                [--quick] [--output FILE.json]

Without models: every one in models/ that has a corpus. A model's name is that of its folder; its
corpus is a sound file or a folder of them. The end of the corpus is held out, as in
`samplernn train --val_frac 0.05`. Each model generates

- ten minutes (`--minutes`) in eight voices, from silence, at the temperature that its card
  recommends. The first minute of each voice is a take, which is measured like those of
  `samplernn audition`. Of all minutes those count as clean that have no more noise bursts,
  silence and loops than the limits allow, and no stuck value.
- takes after seeds from the held-out sound (`sopilib.evaluation.seed_steering`). *In the
  recordings* has the same figures, own and best match, of what follows the seeds there.

The bits per sample of the held-out sound stand beside those of an adaptive linear predictor
(`bench/linear_predictor.py`), and the speed is that of one voice. A take holds if no measure is
beyond its limit. The second table has the worst of all takes in each measure, with its limit.
"""

import argparse
import dataclasses
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from linear_predictor import bits_per_sample

from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.audio.write import write_audio
from sopilib.commands.arguments import search_folders
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.load import PRECISIONS, load_generator
from sopilib.engine.measure import measure_speed
from sopilib.errors import SampleRNNError
from sopilib.evaluation.engine_score import score_files
from sopilib.evaluation.reference import rounded_like_takes
from sopilib.evaluation.seed_steering import measure_seed_steering
from sopilib.evaluation.similarity import ReferenceStatistics, Similarity
from sopilib.evaluation.verdict import LEAST
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.paths import models_folder
from sopilib.model.config import ModelConfig
from sopilib.model.folder import ModelFiles, find_model
from sopilib.model.sample_codec import SampleCodec
from sopilib.training.split import split_recordings

CLEAN = ("noise", "stuck", "silence", "loop")  # measures of a clean minute
PREDICTOR_ORDER, PREDICTOR_FORGETTING = 32, 0.998
DEFAULT_TEMPERATURE = 1.0
VAL_FRAC = 0.05  # of the corpora, held out of the trainings of the bundled models


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is generated and scored.

    Attributes:
      num_voices: at a time.
      take_s: seconds of a take, and of what the table calls a minute.
      num_takes_long: takes that each voice is long.
      held_out_s: the most held-out sound to score, in seconds.
    """

    num_voices: int = 8
    take_s: float = 60.0
    num_takes_long: int = 10
    held_out_s: float = 60.0


QUICK = Sizes(num_voices=4, take_s=10.0, num_takes_long=2, held_out_s=5.0)


def main(words: Sequence[str] | None = None) -> int:
    """Measure the models that the arguments name; return the exit status."""
    args = parsed(words)
    corpora, temperatures = dict(args.corpus), dict(args.temperature)
    sizes, rows = QUICK if args.quick else Sizes(num_takes_long=args.minutes), {}
    for folder in args.models or bundled_models():
        name = folder.name
        if name not in corpora:
            print(f"{name}: no corpus (give --corpus {name}=FILE)", file=sys.stderr)
            continue
        try:
            files = find_model(folder, search=search_folders())
            temperature = float(temperatures.get(name, recommended_temperature(files.folder)))
            rows[name] = measured(files, Path(corpora[name]), temperature, args, sizes)
        except SampleRNNError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        args.output.write_text(json.dumps({"sizes": dataclasses.asdict(sizes), "models": rows}))
    print("\n\n".join([summary_table(rows), measures_table(rows)]))
    return 0 if rows else 1


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "models",
        nargs="*",
        type=Path,
        metavar="MODEL",
        help="folders or names (default: all of models/)",
    )
    add("--corpus", nargs="+", type=pair, default=[], metavar="NAME=FILE", required=True)
    add("--temperature", nargs="+", type=pair, default=[], metavar="NAME=T")
    add("--precision", choices=PRECISIONS, default="int8", help="(default int8)")
    add("--threads", type=int, metavar="N", help="(default: the cores, but one of several)")
    add("--minutes", type=int, choices=range(1, 61), default=10, metavar="M", help="(default 10)")
    add("--quick", action="store_true", help="smaller figures: takes of 10 s in four voices")
    add("--output", type=Path, default=Path("model_table.json"), metavar="FILE")
    return parser.parse_args(words)


def pair(text: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def bundled_models() -> list[Path]:
    """Return the folders in models/ that hold a model with a card."""
    cards = sorted(models_folder().glob("*/README.md"))
    return [card.parent for card in cards if card.parent.name != "presets"]


def recommended_temperature(folder: Path) -> float:
    """Return the temperature that a model's card recommends, else `DEFAULT_TEMPERATURE`."""
    card = folder / "README.md"
    text = card.read_text() if card.is_file() else ""
    found = re.search(r"temperature\W+(\d+(?:\.\d+)?) recommended", text)
    return float(found[1]) if found else DEFAULT_TEMPERATURE


def measured(
    files: ModelFiles,
    corpus_path: Path,
    temperature: float,
    args: argparse.Namespace,
    sizes: Sizes,
) -> dict[str, Any]:
    """Return the figures of a model, as the JSON has them.

    Args:
      files: of the model.
      corpus_path: a sound file or a folder of them.
      temperature: of the takes.
      args: with `precision` and `threads`.
      sizes: of the takes.
    """
    say(f"{files.folder.name}: reading {corpus_path.name}")
    corpus = read_recordings([corpus_path], files.config.sample_rate)
    sounds = [rounded_like_takes(r.audio, files.config) for r in corpus.recordings]
    reference = ReferenceStatistics(sounds, files.config.sample_rate, sizes.take_s)
    validation = held_out_sound(corpus)
    generator = load_generator(files, sizes.num_voices, args.precision, args.threads)
    minutes = list(similarities(generator, reference, (temperature,), sizes))  # in order of time
    takes = minutes[: sizes.num_voices]
    steering = measure_seed_steering(generator, validation)
    say("scoring the held-out sound")
    held_out = np.concatenate(validation)[: int(sizes.held_out_s * corpus.sample_rate)]
    alone = load_generator(files, 1, args.precision, args.threads)
    return {
        "temperature": temperature,
        "precision": alone.precision,
        "takes": [take.as_json() for take in takes],
        "num_held": sum(take.misfit <= 1 for take in takes),
        "clean_share": float(np.mean([is_clean(minute) for minute in minutes])),
        "num_minutes": len(minutes),
        "seed_steering": None if steering is None else dataclasses.asdict(steering),
        "held_out_s": len(held_out) / corpus.sample_rate,
        "bits_per_sample": model_bits(alone, held_out),
        "predictor_bits": predictor_bits(files.config, held_out),
        "times_real_time": measure_speed(alone).times_real_time,
    }


def held_out_sound(corpus: RecordingSet) -> list[np.ndarray]:
    """Return the stretches that the bundled models were not trained on."""
    return [np.asarray(part) for part in split_recordings(corpus, VAL_FRAC).validation]


def say(text: str) -> None:
    """Print progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def similarities(
    generator: EngineGenerator,
    reference: ReferenceStatistics,
    temperatures: tuple[float, ...],
    sizes: Sizes,
) -> Iterator[Similarity]:
    """Yield the Similarity of each voice's first minute, then of each one's second, and so on.

    Args:
      generator: of the model.
      reference: of its corpus.
      temperatures: one for all voices, or one for each.
      sizes: of the takes.
    """
    dur_s = sizes.take_s * sizes.num_takes_long
    length = round(sizes.take_s * generator.config.sample_rate)
    chunks: list[np.ndarray] = []
    num_samples = num_measured = 0
    request = TakeRequest(dur_s=dur_s, temperature=temperatures, rng_seed=0)
    for chunk in Take(generator, request):
        chunks.append(chunk)
        num_samples += chunk.shape[1]
        if num_samples >= length:
            sound = np.concatenate(chunks, axis=1)
            for voice in sound[:, :length]:
                yield reference.measure(voice)
            chunks, num_samples = [sound[:, length:]], num_samples - length
            num_measured += 1
            say(f"minute {num_measured} of {sizes.num_takes_long}")


def is_clean(minute: Similarity) -> bool:
    """Return whether a minute keeps within the limits of `CLEAN`."""
    return all(minute.measures[name] <= minute.limits[name] for name in CLEAN)


def model_bits(generator: EngineGenerator, sound: np.ndarray) -> float:
    """Return the bits per sample that a model needs for a sound after silence."""
    with tempfile.TemporaryDirectory(prefix="samplernn-table-") as folder:
        path = Path(folder) / "held_out.wav"
        write_audio(path, sound, generator.config.sample_rate, "FLOAT")
        return score_files(generator, [path]).bits_per_sample


def predictor_bits(config: ModelConfig, sound: np.ndarray) -> float | None:
    """Return the bits per sample of the linear predictor, None for levels that are not mu-law."""
    if config.q_type != "mu-law" or config.q_levels != 256:
        return None
    levels = SampleCodec(config).encode(sound)[0]  # as the model reads them
    return bits_per_sample(levels, PREDICTOR_ORDER, PREDICTOR_FORGETTING)


def summary_table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the first table."""
    heads = (
        "model",
        "temperature",
        "takes that hold",
        "clean minutes",
        "seed: own take",
        "seed: others",
        "seed: best match its own",
        "in the recordings",
        "held-out bits",
        "linear predictor",
        "times real time",
    )
    return markdown(heads, [[name, *summary_cells(row)] for name, row in rows.items()])


def summary_cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a model, without its name."""
    steering, predictor = row["seed_steering"], row["predictor_bits"]
    steered = ["-"] * 4
    if steering is not None:
        steered[:3] = steering_cells(steering)
        if steering["recorded"] is not None:
            own, _, best_is_own = steering_cells(steering["recorded"])
            steered[3] = f"{own}, {best_is_own}"
    return [
        f"{row['temperature']:g}",
        f"{row['num_held']} of {len(row['takes'])}",
        f"{100 * row['clean_share']:.0f} % of {row['num_minutes']}",
        *steered,
        f"{row['bits_per_sample']:.3f}",
        "-" if predictor is None else f"{predictor:.3f}",
        f"{row['times_real_time']:.1f} ({row['precision']})",
    ]


def steering_cells(steering: dict[str, Any]) -> list[str]:
    """Return the cells of a SeedSteering as plain numbers: own, others, best match its own."""
    correlations = [f"{steering[key]:.2f}" for key in ("own", "others")]
    return [*correlations, f"{100 * steering['best_is_own']:.0f} %"]


def measures_table(rows: dict[str, dict[str, Any]]) -> str:
    """Return the second table, in the units of `sopilib.evaluation.similarity`."""
    return markdown(
        ("model", *LEAST),
        [
            [name, *(worst_cell(row["takes"], measure) for measure in LEAST)]
            for name, row in rows.items()
        ],
    )


def worst_cell(takes: Sequence[dict[str, Any]], measure: str) -> str:
    """Return the worst value of a measure and its limit."""
    worst = max((take["measures"][measure] for take in takes), key=abs)
    return f"{worst:.3g} ({takes[0]['limits'][measure]:.3g})"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
