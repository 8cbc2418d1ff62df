"""The curves of a training's report: losses, learning rate and speed over the steps."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import FigureBase

from sopilib.training.report_run import Run

_STEPS_COLOR, _HELD_OUT_COLOR, _LINE_COLOR = "#9aa5c4", "#d0573b", "#3b528b"


def draw_curves(run: Run, figure: FigureBase) -> None:
    """Draw the curves into a matplotlib figure."""
    losses, rates, speeds = figure.subplots(3, 1, sharex=True, height_ratios=(3, 1, 1))
    steps = _values(run.steps, "step")
    bits = _values(run.steps, "bits_per_sample")
    losses.plot(steps, bits, color=_STEPS_COLOR, label="in training")
    held_out_bits = _values(run.epochs, "val_bits_per_sample")
    losses.plot(
        _values(run.epochs, "step"), held_out_bits, "o-", color=_HELD_OUT_COLOR, label="held out"
    )
    losses.set_ylabel("bits per sample")
    losses.legend()
    rates.plot(steps, _values(run.steps, "learning_rate"), color=_LINE_COLOR)
    rates.set_ylabel("learning rate")
    speeds.plot(steps, _values(run.steps, "samples_per_s"), color=_LINE_COLOR)
    speeds.set_ylabel("samples/s")
    speeds.set_ylim(bottom=0)
    speeds.set_xlabel("step")
    for axes in (losses, rates, speeds):
        axes.grid(alpha=0.25)


def _values(lines: Sequence[dict[str, Any]], name: str) -> list[float]:
    return [line[name] for line in lines]
