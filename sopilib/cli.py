"""The `samplernn` command: generate, sweep, score, info, export, train, ...

Heavy modules are imported by the commands that need them, so that `--help` and a
mistyped flag answer at once. A `SampleRNNError` is one line on stderr and exit
status 1; wrong usage is argparse's status 2; Ctrl-C is 130.
"""

import argparse
import json
import sys
from pathlib import Path

from sopilib import __version__, audition, bench, chunk, doctor, paths, play, sweep, tune
from sopilib.envelope import parse_temperature
from sopilib.errors import AudioError, RecordError, SampleRNNError
from sopilib.generator import ENGINES
from sopilib.model_folder import find_model
from sopilib.training import cli as training_cli
from sopilib.training import report

PRECISIONS = ("float32", "int8", "int4")
_INTERRUPTED = 130
_WITH_FROM = ("run", "parser", "record", "output_path", "threads")


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
    _add_sweep_arguments(
        command("sweep", _sweep, "the same take at several temperatures, side by side")
    )
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
    tune.add_arguments(
        command("tune", tune.tune, "search for good settings, on one machine or several")
    )
    report.add_arguments(
        command("report", report.report, "a training on one page: curves, settings, previews")
    )
    audition.add_arguments(
        command("audition", _audition, "which checkpoint of a training to play, and why")
    )
    bench.add_arguments(command("bench", bench.bench, "how fast this machine plays a model"))
    play.add_play_arguments(command("play", play.play, "open the patch in Pure Data"))
    play.add_demo_arguments(
        command("demo", play.demo, "make a take in Pure Data, without a window")
    )
    command("doctor", doctor.doctor, "what works, what is missing, how to fix it")
    return parser


def _add_model_arguments(parser, alternatives=None):
    """Adds the model, required, unless `alternatives` is a group of which one is."""
    (alternatives or parser).add_argument(
        "--ckpt_dir",
        "--checkpoint_path",
        dest="model",
        required=alternatives is None,
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
    parser.set_defaults(parser=parser)
    models = parser.add_mutually_exclusive_group(required=True)
    _add_model_arguments(parser, models)
    models.add_argument(
        "--from",
        dest="record",
        type=Path,
        metavar="FILE.json",
        help="make the take of this record again; only --output_path and --threads go with it",
    )
    _add_engine_arguments(parser)
    add = parser.add_argument
    add(
        "--output_path",
        type=Path,
        metavar="NAME.wav",
        help="the file to write, required without --from (default: FILE-again.wav); with "
        "several voices NAME_0.wav, NAME_1.wav, ...; NAME.json, its record, goes beside it",
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


def _add_sweep_arguments(parser):
    _add_model_arguments(parser)
    sweep.add_arguments(parser)


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
    return find_model(args.model, config_path=args.config, search=_search_folders())


def _search_folders():
    try:
        return [Path(), paths.models_folder()]
    except paths.NotInstalledError:
        return [Path()]  # a model that is named by its path needs no bundled ones


def _load_model(files):
    from sopilib.checkpoint import load_model

    return load_model(files)


def _generate(args):
    from sopilib.audio import read_seed
    from sopilib.generate import Take, TakeRequest
    from sopilib.generator import make_generator
    from sopilib.record import model_record

    if args.record:
        return _generate_again(args)
    if args.output_path is None:
        args.parser.error("the following arguments are required: --output_path")
    seed_audio, seed_rate = read_seed(args.seed, args.seed_offset)
    request = TakeRequest(
        dur_s=args.dur,
        out_rate=args.sample_rate,
        temperature=tuple(parse_temperature(text) for text in args.temperature),
        seed_audio=seed_audio,
        seed_rate=seed_rate,
        rng_seed=args.rng_seed,
        seed_name=args.seed and str(args.seed),
    )
    output_paths = _output_paths(args.output_path, args.num_seqs)
    files = _find_model(args)
    generator = make_generator(files, args.num_seqs, args.engine, args.precision, args.threads)
    take, model = Take(generator, request), model_record(files, generator)
    return _write_take(take, model, args.output_path, output_paths)


def _generate_again(args):
    """Makes the take of a record again; an error tells if its samples are others."""
    from sopilib.generate import take_again
    from sopilib.generator import make_generator
    from sopilib.record import find_recorded_model, model_record
    from sopilib.record_file import read_take

    for name, value in vars(args).items():
        if name not in _WITH_FROM and value != args.parser.get_default(name):
            args.parser.error(f"argument --from: not allowed with argument --{name}")
    saved = read_take(args.record)
    model = saved.model
    output_path = args.output_path or args.record.with_name(f"{args.record.stem}-again.wav")
    output_paths = _output_paths(output_path, saved.num_files)
    files = find_recorded_model(model, _search_folders())
    engine = model.engine.partition("-")[0]
    generator = make_generator(files, model.num_seqs, engine, model.precision, args.threads)
    take = take_again(generator, saved.take)
    status = _write_take(take, model_record(files, generator), output_path, output_paths)
    if not status and take.record.sha256 != saved.take.sha256:
        raise RecordError(
            f"{output_paths[0]} is not the same to the last bit (other processors and "
            "versions may round otherwise)"
        )
    return status


def _output_paths(path, num_files):
    """So many paths, of sound files in a folder that exists."""
    from sopilib.audio import check_writable_suffix

    if not path.suffix:
        path = path.with_name(path.name + ".wav")
    check_writable_suffix(path)
    if not path.parent.is_dir():
        raise AudioError(f"no folder {path.parent} (make it, or choose another --output_path)")
    if num_files == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{v}{path.suffix}") for v in range(num_files)]


def _write_take(take, model, output_path, output_paths):
    """Make the take under a progress bar, write it and its record; the exit status.

    Ctrl-C ends the take; what is finished is written.
    """
    import numpy as np
    from tqdm import tqdm

    from sopilib.record_file import save_take

    chunks, status = [np.zeros((model.num_seqs, 0), np.float32)], 0
    total_s = take.num_samples / take.sample_rate
    bar_format = "{l_bar}{bar}| {n:.2f}/{total:.2f} s of sound [{elapsed}<{remaining}]"
    try:
        with tqdm(total=total_s, bar_format=bar_format) as bar:
            num_made = 0
            for made in take:
                chunks.append(made)
                num_made += made.shape[1]
                bar.n = num_made / take.sample_rate  # a sum of quotients may pass the total
                bar.update(0)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    audio = np.concatenate(chunks, axis=1)  # (num_seqs, num_samples)
    record_path = output_path.with_suffix(".json")
    save_take(output_paths, record_path, audio, model, take.record)
    for path in output_paths:
        print(
            f"{path}: {audio.shape[1] / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
            f"rng_seed {take.rng_seed}"
        )
    print(f"{record_path}: samplernn generate --from {record_path} makes the same take again")
    return status


def _sweep(args):
    return sweep.sweep(_find_model(args), args)


def _audition(args):
    return audition.audition(args, _search_folders())


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
