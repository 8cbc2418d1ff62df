"""Generate a take under a progress bar and save it: short ones from memory, long ones from disk."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from sopilib.commands import INTERRUPTED
from sopilib.commands.arguments import quoted
from sopilib.commands.take_output import save_new_take
from sopilib.errors import AudioError
from sopilib.generation.record import ModelRecord
from sopilib.generation.take import Take
from sopilib.generation.take_files import TakeFiles
from sopilib.generation.unfinished_take import UnfinishedTake
from sopilib.new_files import unwritable

LONG_S = 60.0  # seconds of all voices together, from which a take is kept on disk


def is_long(dur_s: float, num_seqs: int) -> bool:
    """Return whether a take is kept on disk while it is generated."""
    return dur_s * num_seqs >= LONG_S


def write_take(
    take: Take, model: ModelRecord, path: Path, output: TakeFiles, overwrite: bool
) -> tuple[int, TakeFiles]:
    """Generate the take under a progress bar, write it; return the exit status and where it is.

    Ctrl-C ends the take; the finished part is written.
    """
    chunks, status = [np.zeros((model.num_seqs, 0), np.float32)], 0
    try:
        with sound_progress(take.num_samples, take.sample_rate) as advance:
            for made in take:
                chunks.append(made)
                advance(made.shape[1])
    except KeyboardInterrupt:
        status = INTERRUPTED
    audio = np.concatenate(chunks, axis=1)  # (num_seqs, num_samples)
    output = save_new_take(path, output, audio, model, take.record, overwrite)
    _tell(take, output, audio.shape[1])
    return status, output


def write_long_take(
    take: Take, part: UnfinishedTake, output: TakeFiles, overwrite: bool
) -> tuple[int, TakeFiles]:
    """Do as `write_take` in constant memory; a process that is killed leaves `part` to resume.

    Raises:
      AudioError: the disk refuses; what was generated is kept.
    """
    status, made = 0, np.zeros((part.saved.model.num_seqs, 0), np.float32)
    try:
        num_before = part.sound.num_samples
        with sound_progress(take.num_samples, take.sample_rate, num_before) as advance:
            for made in take:
                part.append(made, take)
                advance(made.shape[1])
    except KeyboardInterrupt:
        status = INTERRUPTED
        if part.sound.num_samples < take.record.num_samples:  # it came before the last chunk
            part.sound.append(made)
    except OSError as error:
        reason = unwritable(part.sound.path, error).partition(" (")[0]
        kept_s = part.sound.num_samples / take.sample_rate
        raise AudioError(
            f"{reason}; {kept_s:.2f} s are kept there (free space, then samplernn generate "
            f"--resume {quoted(part.path)})"
        ) from error
    model, num_samples = part.saved.model, part.sound.num_samples
    output = save_new_take(part.path, output, part.sound, model, take.record, overwrite)
    part.delete()
    _tell(take, output, num_samples)
    return status, output


@contextlib.contextmanager
def sound_progress(
    num_samples: int, sample_rate: int, num_before: int = 0, what: str = ""
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, and yield the function that counts the next samples in it.

    Args:
      num_samples: in all, at `sample_rate` in Hz.
      sample_rate: see there.
      num_before: of the samples that are there already.
      what: is shown before the bar.
    """
    bar_format = "{l_bar}{bar}| {n:.2f}/{total:.2f} s of sound [{elapsed}<{remaining}]"
    total_s, begin_s = num_samples / sample_rate, num_before / sample_rate
    num_made = num_before
    with tqdm(total=total_s, initial=begin_s, bar_format=bar_format, desc=what or None) as bar:

        def advance(num_new: int) -> None:
            nonlocal num_made
            num_made += num_new
            bar.n = num_made / sample_rate  # a sum of quotients may pass the total
            bar.update(0)

        yield advance


def _tell(take: Take, output: TakeFiles, num_samples: int) -> None:
    """Print where the take is, and how to make it again."""
    for sound in output.sounds:
        print(
            f"{sound}: {num_samples / take.sample_rate:.2f} s at {take.sample_rate} Hz, "
            f"rng_seed {take.rng_seed}"
        )
    command = f"samplernn generate --from {quoted(output.record)}"
    print(f"{output.record}: {command} generates the same take again")
