"""Decide whether a run was sound: from what Pd printed, and from the record of each second."""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ANSWER_LIMIT_S = 15.0  # for Pd, and for any status while a stream plays
STREAM_LIMIT_S = 90.0  # until there is a stream that has been asked for; a load may be slow
MOST_GROWTH_MB = {"pd": 24.0, "worker": 96.0}
_LEAST_SECONDS = 5  # in a third of the run, to compare
_CONSOLE_FAULTS = {
    r"Traceback \(most recent call last\)": "traceback on Pd's console",
    r"^status: error the worker (was killed|ended)": "the worker has crashed",
    r"^status: error the worker does not answer": "the worker hangs",
    r"^status: error the worker (sent|speaks)": "the worker breaks the protocol",
    r"^status: error .*\w+(Error|Exception) in the worker": "an exception in the worker",
    r"Segmentation fault|free\(\)|AddressSanitizer|stack smashing": "Pd has crashed",
}


@dataclass(frozen=True)
class Second:
    """The record of a second.

    Attributes:
        at_s: its end, since the beginning of the run.
        pd_mb: resident memory of Pd.
        worker_mb: resident memory of the worker, None without one.
        has_tensorflow: whether the worker has had to read a checkpoint with it: 600 MB.
        answer_ms: in which Pd answered.
        model: loaded model and its voices, "" without one.
        is_streaming: whether a stream was on at its end.
        ahead_ms: least sound ahead in it, None without a report.
        latency_ms: which the performer has set last, None before.
        underruns: in it.
        errors: statuses `error` in it.
        messages: sent in it.
    """

    at_s: float
    pd_mb: float
    worker_mb: float | None
    has_tensorflow: bool
    answer_ms: float
    model: str
    is_streaming: bool
    ahead_ms: float | None
    latency_ms: float | None
    underruns: int
    errors: int
    messages: int


def console_faults(line: str) -> list[str]:
    """Return what is wrong according to a line of Pd's console."""
    return [
        f"{fault}: {line}" for pattern, fault in _CONSOLE_FAULTS.items() if re.search(pattern, line)
    ]


def growth_mb(
    seconds: Sequence[Second],
    memory: Callable[[Second], float | None],
    group: Callable[[Second], str] = lambda second: "",
) -> float:
    """Return how much memory has grown from the first third of the run to the last, in MB.

    The median of each third counts; among groups of seconds, such as those with the same
    model, the one that grew most. 0 if no group is in both thirds for some seconds.
    """
    third = len(seconds) // 3
    first, last = (
        _medians(part, memory, group) for part in (seconds[:third], seconds[len(seconds) - third :])
    )
    return max((last[name] - first[name] for name in first.keys() & last.keys()), default=0.0)


def _medians(
    seconds: Sequence[Second],
    memory: Callable[[Second], float | None],
    group: Callable[[Second], str],
) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for second in seconds:
        value = memory(second)
        if value is not None:
            values.setdefault(group(second), []).append(value)
    return {
        name: statistics.median(found)
        for name, found in values.items()
        if len(found) >= _LEAST_SECONDS
    }


def growths(seconds: Sequence[Second]) -> dict[str, float]:
    """Return the growth of Pd and of the worker in MB.

    The worker's in streams of the same model, with or without TensorFlow in it.
    """
    return {
        "pd": growth_mb(seconds, lambda second: second.pd_mb),
        "worker": growth_mb(
            seconds,
            lambda second: second.worker_mb if second.is_streaming else None,
            lambda second: f"{second.model}, TensorFlow: {second.has_tensorflow}",
        ),
    }


def growth_faults(seconds: Sequence[Second]) -> list[str]:
    """Return which process has grown beyond its limit."""
    return [
        f"memory of {name} has grown by {grown:.0f} MB (at most {MOST_GROWTH_MB[name]:.0f})"
        for name, grown in growths(seconds).items()
        if grown > MOST_GROWTH_MB[name]
    ]
