"""The `samplernn` command: find the subcommand, run its module, turn errors into one line.

Only the chosen subcommand's module is imported. A `SampleRNNError`, and what the system
refuses, is one line on stderr and exit status 1; wrong usage is one line, too, and argparse's
status 2; Ctrl-C is 130, a reader of the output that ends first 141, as in a shell.
"""

import argparse
import contextlib
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

from sopilib import __version__
from sopilib.commands import INTERRUPTED
from sopilib.errors import SampleRNNError, refused_text

# each is a module in sopilib.commands (`_` for `-`) with add_arguments(parser) and run(args)
COMMANDS = {
    "generate": "generate sound into WAV files",
    "sweep": "generate the same take at several temperatures, side by side",
    "album": "generate, choose and master the tracks of an album, on one machine or several",
    "radio": "play takes without end into a pipe or a file",
    "score": "measure the bits per sample that a model needs for sound files",
    "models": "list the models that a name can load",
    "info": "describe a model",
    "set-rate": "write a model's sample rate into its config",
    "export": "write a folder that plays without TensorFlow",
    "share": "write a model into a zip file, with card, licence and preview",
    "install": "add a model from a zip file or a folder",
    "chunk": "cut recordings into equal chunks",
    "train": "train a model on recordings",
    "tune": "search for good settings, on one machine or several",
    "report": "show a training on one page: curves, settings, previews",
    "audition": "rank the checkpoints of a training by their bits and their takes",
    "match": "find the temperature, noise shaping and gain with which takes resemble recordings",
    "bench": "measure how fast this machine plays a model",
    "play": "open the patch in Pure Data",
    "demo": "generate a take in Pure Data, without a window",
    "doctor": "report what works, what is missing and how to fix it",
}


_BROKEN_PIPE = 128 + 13  # what a shell shows for SIGPIPE
# words of more characters than fit on a screen
_ENDLESS = re.compile(r"(\S{100})\S{200,}(\S{60})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv`, by default that of the process; return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        _accept_all_names(stream)
    try:
        try:
            args = _parser(_command_in(argv)).parse_args(argv)
            status: int = args.run(args)
        except SystemExit:  # --help
            _flush_output()
            raise
        _flush_output()
        return status
    except SampleRNNError as error:
        print(f"samplernn: {_one_line(str(error))}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        _end_output()
        return _BROKEN_PIPE
    except OSError as error:
        print(f"samplernn: {_one_line(refused_text(error))}", file=sys.stderr)
        return 1
    except MemoryError:
        print("samplernn: out of memory (give smaller values, or less sound)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _flush_output() -> None:
    """Write what is printed so far; at the end of the process an error could not be handled."""
    if sys.stdout is not None:  # it may be closed
        sys.stdout.flush()


def _end_output() -> None:
    """Write what is printed so far, or drop it where nobody reads it any more."""
    try:
        _flush_output()
    except BrokenPipeError:  # the end of the process would raise it again
        with open(os.devnull, "wb") as null, contextlib.suppress(OSError):
            os.dup2(null.fileno(), sys.stdout.fileno())


def _accept_all_names(stream: TextIO) -> None:
    """Let `stream` print names of files that are not in its encoding, with escapes."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _command_in(argv: Sequence[str]) -> str | None:
    """Return the first word in `argv` that is not a flag: no flag before it takes a value."""
    return next((word for word in argv if not word.startswith("-")), None)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the usage and exit with status 2."""
        self.exit(2, f"{self.prog}: {_one_line(message)} (see {self.prog} --help)\n")


def _one_line(text: str) -> str:
    """Return `text` as one line, the middle of its endless words left out."""
    return _ENDLESS.sub(r"\1...\2", " ".join(text.split()))


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return the parser, with the flags of the subcommand `chosen` only."""
    parser = _Parser(prog="samplernn", description="SampleRNN as an instrument for Pure Data.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            module = importlib.import_module(f"sopilib.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
