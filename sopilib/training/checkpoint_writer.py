"""What a training leaves, kept by the chief: state, checkpoints, history, previews, lines."""

import contextlib
from dataclasses import dataclass

from sopilib.errors import SampleRNNError
from sopilib.training.log import Log
from sopilib.training.preview import make_previews
from sopilib.training.progress import Progress
from sopilib.training.state import STATE_NAME, load_state, save_state


@dataclass(frozen=True)
class Output:
    """Where things go.

    Attributes:
      run_folder: RunFolder, or None where another worker keeps it.
      preview: PreviewRequest, or None for no previews.
    """

    run_folder: object
    preview: object = None


class Keeper:
    """Reads and writes a run folder, and tells how the training goes.

    Args:
      output: Output.
      model: SampleRNN that is trained.
      plan: Plan.
    """

    def __init__(self, output, model, plan):
        self._folder, self._preview = output.run_folder, output.preview
        self._model, self._plan = model, plan

    @property
    def path(self):
        """Of the run folder."""
        return self._folder.path

    def load_state(self):
        """The progress and arrays that were saved, or None.

        Raises:
          CheckpointError: the file is damaged.
        """
        saved = load_state(self.path)
        if saved is not None:
            self._folder.remove_unfinished()
        return saved

    def has_state(self):
        """Whether there is a state to go on from."""
        return (self.path / STATE_NAME).exists()

    def save_state(self, progress, arrays):
        """Write the state; raises CheckpointError if it cannot be."""
        save_state(self.path, progress, arrays)

    def save_model(self, number, best_epoch):
        """Write a checkpoint; raises CheckpointError if it cannot be."""
        self._folder.save_model(self._model, number, best_epoch, self._plan.max_checkpoints)

    def remove_model(self, number):
        """Remove a checkpoint, if it is there."""
        self._folder.remove_model(number)

    def what_is_intact(self):
        """The newest checkpoint and where it is, in words."""
        epochs = self._folder.epochs()
        left = f"model.ckpt-{epochs[-1]} is intact" if epochs else "no checkpoint was written yet"
        return f"{left} in {self.path}"

    def open_log(self, last_step, samples_per_step):
        """The Log of the run from `last_step` on."""
        return Log(self.path, last_step, self._plan.log_every, samples_per_step)

    def progress(self, position, steps_per_epoch):
        """A Progress, for use in a with block."""
        return Progress(position, steps_per_epoch, self._plan)

    def say(self, line):
        """Print a line."""
        print(line, flush=True)

    def preview(self, number, step, log):
        """Previews of a checkpoint; what goes wrong with them is told and costs no more."""
        if self._preview is None:
            return
        try:
            for name, sound, picture in make_previews(self._model, number, self._preview):
                rate = self._model.config.sample_rate
                log.preview(step, name, sound, rate, picture.read_bytes())
        except (SampleRNNError, OSError) as error:
            self.say(f"no preview: {error}")


class NoKeeper:
    """In place of a Keeper, its Log and its Progress where another worker is the chief."""

    def open_log(self, last_step, samples_per_step):
        """Itself."""
        return self

    def progress(self, position, steps_per_epoch):
        """Itself, in a with block."""
        return contextlib.nullcontext(self)

    def _ignore(self, *_):
        """Nothing."""

    say = show = step = begin_stretch = end_stretch = epoch = flush = _ignore
