"""Write the record of a run as JSON, and plot it."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.soak.run import Run
from bench.soak.verdict import MOST_GROWTH_MB, Second, growths


def summary(run: Run) -> dict[str, Any]:
    """Return the figures of a run."""
    seconds = run.seconds
    ahead = [s.ahead_ms for s in seconds if s.ahead_ms is not None]
    return {
        "seconds": len(seconds),
        "seconds_streaming": sum(s.is_streaming for s in seconds),
        "messages": len(run.messages),
        "loads": sum(message[0] == "load" for _, message in run.messages),
        "errors_told": sum(s.errors for s in seconds),
        "underruns": sum(s.underruns for s in seconds),
        "seconds_with_underruns": sum(s.underruns > 0 for s in seconds),
        "least_ahead_ms": min(ahead, default=None),
        "longest_answer_ms": max((s.answer_ms for s in seconds), default=None),
        "most_pd_mb": max((s.pd_mb for s in seconds), default=None),
        "most_worker_mb": max((s.worker_mb for s in seconds if s.worker_mb), default=None),
        "growth_mb": {name: round(grown, 2) for name, grown in growths(seconds).items()},
        "most_growth_mb": MOST_GROWTH_MB,
    }


def write_json(run: Run, settings: dict[str, Any], path: Path) -> None:
    """Write all about a run; `settings` tells how it was made."""
    selectors = Counter(str(message[0]) for _, message in run.messages)
    content = {
        "settings": settings,
        "faults": run.faults,
        "summary": summary(run),
        "sent": dict(selectors.most_common()),
        "answers": run.answers,
        "seconds": [asdict(second) for second in run.seconds],
        "messages": run.messages,
        "console": run.console if run.faults else [],
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def plot(run: Run, path: Path) -> None:
    """Draw memory, latency and underruns over time into a PNG."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(11, 8), layout="constrained")
    memory, latency, underruns = figure.subplots(3, sharex=True)
    _draw(memory, run.seconds, "worker_mb", "worker", "#3b528b")
    _draw(memory, run.seconds, "pd_mb", "Pd", "#d0573b")
    memory.set_ylabel("memory (MB)")
    _draw(latency, run.seconds, "latency_ms", "latency asked for", "#aaaaaa")
    _draw(latency, run.seconds, "ahead_ms", "least sound ahead", "#3b528b", ".")
    _draw(latency, run.seconds, "answer_ms", "Pd's answer", "#d0573b", ".")
    latency.set_yscale("symlog", linthresh=10)
    latency.set_ylim(bottom=0)
    latency.set_ylabel("ms")
    _draw_counts(underruns, run.seconds)
    for axes in (memory, latency, underruns):
        axes.grid(alpha=0.25)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    figure.savefig(path, dpi=110)


def _draw(axes: Any, seconds: list[Second], name: str, label: str, color: str, mark: str = "-"):
    values = [getattr(second, name) for second in seconds]
    shown = [float("nan") if value is None else value for value in values]
    axes.plot([s.at_s for s in seconds], shown, mark, markersize=3, label=label, color=color)


def _draw_counts(axes: Any, seconds: list[Second]) -> None:
    """Draw the underruns and errors of each second, and shade where no stream was on."""
    times = [second.at_s for second in seconds]
    axes.bar(times, [s.underruns for s in seconds], 1.0, label="underruns", color="#d0573b")
    axes.plot(
        times, [s.errors for s in seconds], ".", markersize=3, label="errors told", color="#3b528b"
    )
    silent = [0 if second.is_streaming else 1 for second in seconds]
    transform = axes.get_xaxis_transform()
    axes.fill_between(
        times,
        0,
        silent,
        step="pre",
        alpha=0.2,
        color="#888888",
        label="no stream",
        transform=transform,
    )
    axes.set_ylabel("in each second")
    axes.set_xlabel("s")
