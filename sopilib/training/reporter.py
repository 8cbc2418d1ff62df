"""The chief's report of a training: progress bar, history, TensorBoard, previews, lines."""

import contextlib
from collections.abc import Iterator

from sopilib.errors import SampleRNNError
from sopilib.model.network import SampleRNN
from sopilib.training.hooks import EpochLine, StepResult
from sopilib.training.log import Log
from sopilib.training.plan import Plan
from sopilib.training.position import Position
from sopilib.training.preview import PreviewRequest, make_previews
from sopilib.training.progress import Progress
from sopilib.training.run_folder import RunFolder
from sopilib.training.step import NATS_PER_BIT


class Reporter:
    """A `Hook` that writes down and shows how the training proceeds.

    Args:
      run_folder: of the training.
      model: the model to make previews with.
      plan: of the training.
      preview: what previews to make after a checkpoint, or None for none.
      last_step: history of later steps is dropped, as these steps are taken again.
      samples_per_step: of all replicas together.
    """

    def __init__(
        self,
        run_folder: RunFolder,
        model: SampleRNN,
        plan: Plan,
        preview: PreviewRequest | None,
        last_step: int,
        samples_per_step: int,
    ) -> None:
        self._model, self._plan, self._preview = model, plan, preview
        self._samples_per_step = samples_per_step
        self._log = Log(run_folder.path, last_step, plan.log_every, samples_per_step)
        self._progress: Progress | None = None

    @contextlib.contextmanager
    def steps(self, position: Position, steps_per_epoch: int) -> Iterator[None]:
        """Show a progress bar within the with block, then log the last steps."""
        with Progress(position, steps_per_epoch, self._plan) as self._progress:
            self._log.begin_stretch()
            yield
            self._log.end_stretch(position)

    def step(self, position: Position, result: StepResult) -> None:
        """Log a step and move the bar."""
        self._log.step(position, result)
        if self._progress is not None:
            bits = result.nats / NATS_PER_BIT
            self._progress.show(bits, result.accuracy, self._samples_per_step)

    def epoch(self, position: Position, line: EpochLine) -> None:
        """Log an epoch and print its line."""
        self._log.epoch(position, line)
        print(
            f"epoch {position.epoch + 1}, step {position.step}: "
            f"{line['bits_per_sample']:.4f} bits per sample, held out "
            f"{line['val_bits_per_sample']:.4f}, accuracy {100 * line['val_accuracy']:.1f} %",
            flush=True,
        )

    def checkpoint(self, position: Position, number: int) -> None:
        """Make previews of a checkpoint; if that fails, print why and carry on."""
        if self._preview is None:
            return
        rate = self._model.config.sample_rate
        try:
            for name, sound, plot in make_previews(self._model, number, self._preview):
                self._log.preview(position.step, name, sound, rate, plot.read_bytes())
        except (SampleRNNError, OSError) as error:
            print(f"no preview: {error}", flush=True)

    def planned(self, plan: Plan) -> None:
        """Show epochs and time left by another plan, from the next epoch on."""
        self._plan = plan

    def end(self) -> None:
        """Write all summaries to disk."""
        self._log.flush()
