"""`samplernn audition`: which checkpoint of a training to play, by its bits and by its takes.

The lowest loss is not always the best to hear. Every checkpoint makes a take at each
temperature, with the same random seed, and the takes are held against the corpus, see
`sopilib.evaluation.likeness` for the measures and their units. `misfit` is the largest measure of a
take by its limit; a take holds where that is 1 or less.

Checkpoints of which a take holds come before the others. Within either group the order is
that of two places added: by held-out bits per sample, and by the misfit of the best take.
"""

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sopilib import engine
from sopilib.audio.files import write_audio
from sopilib.audio.recordings import read_recordings
from sopilib.audio.spectrogram import draw_take
from sopilib.commands.arguments import add_rate_argument, search_folders
from sopilib.engine.measure import choose_precision
from sopilib.errors import AudioError, RequestError
from sopilib.evaluation import engine_score
from sopilib.evaluation.likeness import Yardstick
from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.generation.temperature import check_temperature
from sopilib.model.folder import find_model
from sopilib.model.quantize import dequantize, quantize
from sopilib.training.dataset import split_recordings
from sopilib.training.history import HISTORY_NAME, find_run, read_history

TEMPERATURES = (0.85, 0.95, 1.05)
LEAST_DUR_S = 0.5
# what is scored of the corpus, at most, where the history has no held-out bits
SCORED_S = 60.0
_VAL_FRAC = 0.1
_UNITS = {"spectrum": "dB", "level": "dB", "silence": "%", "noise": "%", "loop": "%", "stuck": "ms"}
_FACTORS = {"dB": 1, "%": 100, "ms": 1000}


@dataclass(frozen=True)
class Audition:
    """What a checkpoint came to.

    Attributes:
      name: of the checkpoint.
      bits: per sample, held out.
      likenesses: dict from temperature to Likeness, one or more.
    """

    name: str
    bits: float
    likenesses: dict

    @property
    def best(self):
        """The temperature whose take has the lowest misfit."""
        return min(self.likenesses, key=lambda t: self.likenesses[t].misfit)

    @property
    def misfit(self):
        """The misfit of the best take."""
        return self.likenesses[self.best].misfit


def add_arguments(parser):
    """Adds the flags of `samplernn audition`."""
    add = parser.add_argument
    add("model", metavar="RUN", help="a run folder, a model folder or a bundled model's name")
    add(
        "--data_dir",
        type=Path,
        nargs="+",
        required=True,
        metavar="CORPUS",
        help="the recordings that it was trained on",
    )
    add_rate_argument(parser)
    add("--dur", type=float, default=10.0, metavar="S", help="seconds of a take (default 10)")
    add("--temperature", type=float, nargs="+", metavar="T", help="(default 0.85 0.95 1.05)")
    add("--rng_seed", type=int, default=0, metavar="N", help="of every take (default 0)")
    add(
        "--output_dir",
        type=Path,
        default=Path("audition"),
        metavar="DIR",
        help="for the takes and their pictures (default: audition)",
    )


def run(args):
    """Runs `samplernn audition`; returns its exit status.

    Raises:
      RequestError: the length, a temperature or the random seed is out of range.
      CheckpointError: there is no checkpoint.
      AudioError: the corpus cannot be used, or a take not be written.
    """
    if not LEAST_DUR_S <= args.dur < float("inf"):
        raise RequestError(f"--dur {args.dur:g} (give {LEAST_DUR_S} seconds or more)")
    temperatures = list(map(check_temperature, args.temperature or TEMPERATURES))
    checkpoints = find_checkpoints(args.model, search_folders(), args.sample_rate)
    config = checkpoints[0].config
    corpus = read_recordings(args.data_dir, config.sample_rate)
    for _, reason in corpus.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    sounds = [_as_heard(recording.audio, config) for recording in corpus.recordings]
    yardstick = Yardstick(sounds, config.sample_rate, args.dur)
    bits = recorded_bits(checkpoints) or scored_bits(checkpoints, corpus)
    auditions = []
    for files, held_out in zip(checkpoints, bits):
        takes = _make_takes(files, temperatures, args)
        likenesses = {t: yardstick.measure(sound) for t, sound in takes.items()}
        auditions.append(Audition(Path(files.prefix or files.folder).name, held_out, likenesses))
    print(f"takes and pictures: {args.output_dir}", file=sys.stderr)
    print(table(ranked(auditions)))
    return 0


def find_checkpoints(path, search, sample_rate=None):
    """The ModelFiles of all checkpoints in a folder, by their step; of a run or a model.

    Args:
      path: of a run folder, or a model's path or name.
      search: folders in which a model is looked for by its name.
      sample_rate: of the model in Hz if the user states it, else None.

    Raises:
      CheckpointError, ConfigError: see `find_model`.
    """
    path = Path(path).expanduser()
    if any(path.glob(f"*/{HISTORY_NAME}")):
        path = find_run(path)
    newest = find_model(path, search=search, sample_rate=sample_rate)
    prefixes = [index.with_suffix("") for index in newest.folder.glob("*.index")]
    if not prefixes:
        return [newest]  # exported
    return [find_model(prefix, sample_rate=sample_rate) for prefix in sorted(prefixes, key=_number)]


def _number(prefix):
    match = re.search(r"-(\d+)$", str(prefix))
    return int(match[1]) if match else -1


def _as_heard(audio, config):
    """`audio` (num_samples,) rounded to the model's levels, in pieces that memory holds."""
    rounded, piece = np.empty(len(audio), np.float32), 1 << 20
    for k in range(0, len(audio), piece):
        levels = quantize(audio[k : k + piece], config.q_type, config.q_levels)
        rounded[k : k + piece] = dequantize(levels, config.q_type, config.q_levels)
    return rounded


def recorded_bits(checkpoints):
    """The held-out bits of each checkpoint in the training's history, a list.

    None where the history has not those of each: bits of other samples do not compare.
    """
    lines = read_history(checkpoints[0].folder / HISTORY_NAME)
    known = {k["epoch"]: k["val_bits_per_sample"] for k in lines if k["kind"] == "epoch"}
    numbers = [_number(files.prefix) for files in checkpoints]
    return [known[n] for n in numbers] if all(n in known for n in numbers) else None


def scored_bits(checkpoints, corpus):
    """Bits per sample of each checkpoint on the part of the corpus that training holds out.

    Says on stderr what that is, as a model without a history may have been trained on it.
    """
    split = split_recordings(corpus, _val_frac(checkpoints[0].folder))
    length = int(SCORED_S * corpus.sample_rate)
    sound = np.concatenate(split.validation)[:length]
    print(
        f"no history of held-out bits; scored on {len(sound) / corpus.sample_rate:.1f} s "
        f"({split.held_out}), which it may have been trained on",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory(prefix="samplernn-audition-") as folder:
        path = Path(folder) / "held_out.wav"
        write_audio(path, sound, corpus.sample_rate, "FLOAT")
        return [_score(files, path) for files in checkpoints]


def _val_frac(folder):
    """The part that was held out, as `args.txt` in a run folder says it; else the default."""
    arguments = folder / "args.txt"
    text = arguments.read_text(errors="replace") if arguments.is_file() else ""
    match = re.search(r"--val_frac[ =](0?\.\d+)", text)
    return float(match[1]) if match else _VAL_FRAC


def _score(files, path):
    generator = _generator(files)
    if generator.engine == "tensorflow":
        from sopilib.evaluation.tensorflow_score import score_files
        from sopilib.model.checkpoint import load_model

        return score_files(load_model(files), [path]).bits_per_sample
    return engine_score.score_files(generator, [path]).bits_per_sample


def _generator(files):
    """A generator of one voice, in the precision that plays live, but int8 or better."""
    if not engine.is_built() or files.prefix is None:
        return make_generator(files, 1)
    precision = choose_precision(files.config, 1)
    # packing int4 weights takes longer than it saves in a few takes
    return make_generator(files, 1, precision="int8" if precision == "int4" else precision)


def _make_takes(files, temperatures, args):
    """Makes a checkpoint's takes and writes them; dict from temperature to (num_samples,)."""
    generator, name = _generator(files), Path(files.prefix or files.folder).name
    takes = {}
    for temperature in temperatures:
        request = TakeRequest(dur_s=args.dur, temperature=(temperature,), rng_seed=args.rng_seed)
        takes[temperature] = np.concatenate(list(Take(generator, request)), axis=1)[0]
        path = args.output_dir / f"{name}_t{temperature:g}.wav"
        title = f"{name}, temperature {temperature:g}"
        _write(takes[temperature], files.config.sample_rate, title, path)
        print(title, file=sys.stderr, flush=True)
    return takes


def _write(sound, sample_rate, title, path):
    """Writes a take and, beside it, its picture, into a folder that is made if missing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, sound, sample_rate)
        draw_take(sound, sample_rate, title, path.with_name(f"{path.stem}.png"))
    except OSError as error:
        raise AudioError(
            f"cannot write {path}: {error.strerror} (choose another --output_dir)"
        ) from error


def ranked(auditions):
    """Auditions in the order of the module's docstring, the best first."""

    def place(value, values):
        return sum(other < value for other in values)

    all_bits, misfits = [a.bits for a in auditions], [a.misfit for a in auditions]
    return sorted(
        auditions,
        key=lambda a: (
            a.misfit > 1,
            place(a.bits, all_bits) + place(a.misfit, misfits),
            a.bits,
        ),
    )


def table(auditions):
    """The text to print: ranked auditions, their takes, and what is the matter with them."""
    heads = [f"{name} {unit}" for name, unit in _UNITS.items()]
    lines = ["  temperature  misfit  " + "  ".join(heads)]
    for place, one in enumerate(auditions, start=1):
        lines.append(f"{place}. {one.name}: {one.bits:.4f} bits per sample held out")
        for temperature, likeness in one.likenesses.items():
            values = [
                f"{likeness.measures[name] * _FACTORS[unit]:{len(head)}.1f}"
                for (name, unit), head in zip(_UNITS.items(), heads)
            ]
            said = "; ".join(likeness.reasons) or "holds"
            row = f"  {temperature:<11g}  {likeness.misfit:6.2f}  {'  '.join(values)}  {said}"
            lines.append(row)
    best = auditions[0]
    if best.misfit > 1:
        lines.append(
            "no take holds (train on, or try other temperatures); nearest is "
            f"{best.name} at temperature {best.best:g}"
        )
    else:
        lines.append(f"best: {best.name} at temperature {best.best:g}")
    return "\n".join(lines)
