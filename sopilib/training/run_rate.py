"""The sample rate at which a run is resumed, where neither a flag nor the config states one."""

import dataclasses
import sys
from pathlib import Path

from sopilib.errors import SampleRNNError
from sopilib.model.config import ModelConfig
from sopilib.model.folder import find_model
from sopilib.training.run_folder import RunFolder


def resumed_run(logdir: Path, resume: bool, resume_from: Path | None) -> Path | None:
    """Return the run or checkpoint that a training resumes, None for a new run."""
    if resume_from is not None or not resume:
        return resume_from
    latest = RunFolder.latest(logdir)
    return None if latest is None else latest.path


def at_rate_of_run(config: ModelConfig, run: Path, config_path: Path | None) -> ModelConfig:
    """Return `config` with the sample rate of a run, and print a line on stderr if it is unknown.

    Args:
        config: its own sample rate holds where that of the run is only assumed.
        run: a run folder or a checkpoint in it. Errors in it are not reported.
        config_path: in place of the run's own config, or None.
    """
    try:
        files = find_model(run, config_path)
    except SampleRNNError:
        return config
    if files.rate_is_assumed:
        print(
            f"the sample rate of {run} is unknown: training continues at {config.sample_rate} Hz "
            "(--sample_rate HZ states another)",
            file=sys.stderr,
            flush=True,
        )
        return config
    return dataclasses.replace(config, sample_rate=files.config.sample_rate)
