"""The `samplernn` command: generate, score, info, export, chunk, train, bench, play, ...

Heavy modules are imported by the commands that need them, so that `--help` and a
mistyped flag answer at once. A `SampleRNNError` is one line on stderr and exit
status 1; wrong usage is argparse's status 2; Ctrl-C is 130.
"""

import argparse
import json
import sys
from pathlib import Path

from sopilib import __version__, bench, chunk, doctor, paths, play
from sopilib.envelope import parse_temperature
from sopilib.errors import AudioError, SampleRNNError
from sopilib.generator import ENGINES
from sopilib.model_folder import find_model
from sopilib.training import cli as training_cli

PRECISIONS = ("float32", "int8", "int4")
_INTERRUPTED = 130


def main(argv=None):
    """Runs the command in `argv`, default that of the process; returns its exit status."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except SampleRNNError as error:
        print(f"samplernn: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _parser():
    parser = argparse.ArgumentParser(
        prog="samplernn", description="SampleRNN as an instrument for Pure Data."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name, run, text):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    _add_generate_arguments(command("generate", _generate, "make sound, into WAV files"))
    _add_score_arguments(
        command("score", _score, "bits per sample that a model needs for sound files")
    )
    _add_model_arguments(command("info", _info, "what a model is"))
    _add_export_arguments(
        command("export", _export, "write a folder that plays without TensorFlow")
    )
    chunk.add_arguments(command("chunk", chunk.chunk, "cut recordings into equal chunks"))
    training_cli.add_arguments(
        command("train", training_cli.train, "train a model on recordings")
    )
    bench.add_arguments(command("bench", bench.bench, "how fast this machine plays a model"))
    play.add_play_arguments(command("play", play.play, "open the patch in Pure Data"))
    play.add_demo_arguments(
        command("demo", play.demo, "make a take in Pure Data, without a window")
    )
    command("doctor", doctor.doctor, "what works, what is missing, how to fix it")
    return parser


def _add_model_arguments(parser):
    parser.add_argument(
        "--ckpt_dir",
        "--checkpoint_path",
        dest="model",
        required=True,
        metavar="MODEL",
        help="a model folder or checkpoint, or the name of a bundled model",
    )
    parser.add_argument(
        "--config_file",
        "--config",
        dest="config",
        metavar="FILE.config.json",
        help="the model's config (default: the one in its folder)",
    )


def _add_engine_arguments(parser):
    add = parser.add_argument
    add("--engine", choices=ENGINES, default="auto", help="(default: native where it is built)")
    add(
        "--precision",
        default="auto",
        metavar="P",
        help="float32, int8, int4 or auto, the most exact that plays live (default)",
    )
    add("--threads", type=int, metavar="N", help="(default: the cores, but one of several)")


def _add_generate_arguments(parser):
    _add_model_arguments(parser)
    _add_engine_arguments(parser)
    add = parser.add_argument
    add(
        "--output_path",
        type=Path,
        required=True,
        metavar="NAME.wav",
        help="the file to write; with several voices NAME_0.wav, NAME_1.wav, ...",
    )
    add("--dur", type=float, default=4.0, metavar="S", help="seconds (default 4)")
    add("--num_seqs", type=int, default=1, metavar="N", help="voices (default 1)")
    add("--sample_rate", type=int, metavar="HZ", help="resample to (default: the model's)")
    add(
        "--temperature",
        nargs="+",
        default=["1"],
        metavar="T",
        help="a number from 0 or an envelope Env([levels],[seconds],[curves]), one for "
        "all voices or one for each (default 1)",
    )
    add("--seed", type=Path, metavar="FILE.wav", help="a sound to go on from")
    add(
        "--seed_offset",
        type=int,
        default=0,
        metavar="N",
        help="skip so many samples of the seed file (default 0)",
    )
    add("--rng_seed", type=int, metavar="N", help="the same N gives the same take")


def _add_export_arguments(parser):
    _add_model_arguments(parser)
    parser.add_argument(
        "--precision",
        nargs="+",
        default=PRECISIONS,
        choices=PRECISIONS,
        help="the precisions to write (default: all)",
    )
    parser.add_argument("--output_dir", type=Path, required=True, metavar="DIR")


def _add_score_arguments(parser):
    _add_model_arguments(parser)
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="score through the engine in this precision (default: TensorFlow)",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.wav")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def _find_model(args):
    search = [Path()]
    try:
        search.append(paths.models_folder())
    except paths.NotInstalledError:
        pass  # a model that is named by its path needs no bundled ones
    return find_model(args.model, config_path=args.config, search=search)


def _load_model(files):
    from sopilib.checkpoint import load_model

    return load_model(files)


def _make_generator(args, num_seqs):
    from sopilib.generator import make_generator

    return make_generator(_find_model(args), num_seqs, args.engine, args.precision, args.threads)


def _generate(args):
    from sopilib.generate import Take, TakeRequest

    seed_audio, seed_rate = _read_seed(args)
    request = TakeRequest(
        dur_s=args.dur,
        out_rate=args.sample_rate,
        temperature=tuple(parse_temperature(text) for text in args.temperature),
        seed_audio=seed_audio,
        seed_rate=seed_rate,
        rng_seed=args.rng_seed,
    )
    output_paths = _output_paths(args)
    take = Take(_make_generator(args, args.num_seqs), request)
    return _write_take(take, output_paths)


def _read_seed(args):
    """The part of the seed file to prime with, and its rate; (None, None) without."""
    from sopilib.audio import read_audio

    if args.seed is None:
        return None, None
    audio, rate = read_audio(args.seed)
    if not 0 <= args.seed_offset < len(audio):
        raise AudioError(
            f"--seed_offset {args.seed_offset} lies outside {args.seed} of {len(audio)} "
            f"samples (give 0 to {len(audio) - 1})"
        )
    return audio[args.seed_offset :], rate


def _output_paths(args):
    """A path for each voice, in a folder that exists."""
    path = args.output_path
    if not path.suffix:
        path = path.with_name(path.name + ".wav")
    if not path.parent.is_dir():
        raise AudioError(f"no folder {path.parent} (make it, or choose another --output_path)")
    if args.num_seqs == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{v}{path.suffix}") for v in range(args.num_seqs)]


def _write_take(take, output_paths):
    """Make the take under a progress bar and write a file a voice; the exit status.

    Ctrl-C ends the take; what is finished is written.
    """
    import numpy as np
    from tqdm import tqdm

    from sopilib.audio import write_audio

    chunks, status = [np.zeros((len(output_paths), 0), np.float32)], 0
    total_s = take.num_samples / take.sample_rate
    bar_format = "{l_bar}{bar}| {n:.2f}/{total:.2f} s of sound [{elapsed}<{remaining}]"
    try:
        with tqdm(total=total_s, bar_format=bar_format) as bar:
            num_made = 0
            for chunk in take:
                chunks.append(chunk)
                num_made += chunk.shape[1]
                bar.n = num_made / take.sample_rate  # a sum of quotients may pass the total
                bar.update(0)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    audio = np.concatenate(chunks, axis=1)  # (num_seqs, num_samples)
    for path, voice in zip(output_paths, audio):
        write_audio(path, voice, take.sample_rate)
        print(
            f"{path}: {len(voice) / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
            f"rng_seed {take.rng_seed}"
        )
    return status


def _score(args):
    score = _engine_score(args) if args.precision else _tensorflow_score(args)
    if args.json:
        print(json.dumps(score._asdict()))
    else:
        print(f"{score.bits_per_sample:.4f} bits per sample ({score.num_samples} samples)")
    return 0


def _tensorflow_score(args):
    from sopilib.score import score_files

    return score_files(_load_model(_find_model(args)), args.files)


def _engine_score(args):
    from sopilib.engine.score import score_files
    from sopilib.generator import make_generator

    generator = make_generator(_find_model(args), 1, "native", args.precision)
    return score_files(generator, args.files)


def _export(args):
    from sopilib.engine.export import export_model

    for path in export_model(_find_model(args), args.precision, args.output_dir):
        print(path)
    return 0


def _info(args):
    files = _find_model(args)
    facts = {
        "name": files.name,
        "folder": files.folder,
        "config": files.config_path.name,
        **files.config.to_dict(),
    }
    if files.prefix is not None:
        variables = _load_model(files).trainable_variables
        facts["checkpoint"] = Path(files.prefix).name
        facts["parameters"] = sum(int(v.shape.num_elements()) for v in variables)
    for key, value in facts.items():
        print(f"{key:16}{value}")
    return 0
