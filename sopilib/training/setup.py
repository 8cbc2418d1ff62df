"""From flags to a training that can run: data read and split, run folder found or made."""

import dataclasses
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sopilib.checkpoint import load_model
from sopilib.dataset import (
    Corpus,
    fitting_chunk_length,
    fitting_validation_length,
    split_recordings,
)
from sopilib.errors import CheckpointError
from sopilib.model import SampleRNN, named_variables
from sopilib.model_folder import find_model
from sopilib.recordings import read_recordings
from sopilib.training.loop import Data, Output, Training
from sopilib.training.run_folder import RunFolder
from sopilib.training.state import STATE_NAME


@dataclass(frozen=True)
class Sources:
    """What a training is made from and where it goes.

    Attributes:
      data: list of Path of recordings.
      logdir: Path of LOGDIR_ROOT/ID.
      config_name: of the config's file in the run folder.
      resume: go on with the newest run in `logdir`.
      resume_from: Path of a run folder or checkpoint instead, or None.
      arguments: list of str, the command line, for args.txt.
    """

    data: list
    logdir: Path
    config_name: str
    resume: bool
    resume_from: Path
    arguments: list


def prepare(config, plan, sources, preview):
    """A Training and its RunFolder.

    Args:
      config: ModelConfig.
      plan: Plan.
      sources: Sources.
      preview: PreviewRequest, or None.

    Raises:
      AudioError: the recordings cannot be used.
      CheckpointError: what to go on from is missing, damaged or of another training.
    """
    data = read_data(sources.data, config, plan)
    model = SampleRNN(config, plan.rng_seed)
    run_folder, checkpoint = _find_run(sources)
    epochs_before = 0
    if run_folder is None:
        if checkpoint is not None:
            epochs_before = _take_weights(model, checkpoint, config)
        run_folder = RunFolder.create(
            sources.logdir, sources.config_name, config, sources.arguments
        )
    if preview is not None and preview.folder is None:
        preview = dataclasses.replace(preview, folder=run_folder.path / "previews")
    training = Training(model, data, plan, Output(run_folder, preview))
    if training.position.step:
        _note(f"going on from step {training.position.step} in {run_folder.path}")
    if epochs_before:
        training.begin_after(epochs_before)
    return training, run_folder


def read_data(paths, config, plan):
    """The Data in recordings, and a line on each thing that is left out.

    Raises:
      AudioError: there is too little sound.
    """
    recording_set = read_recordings(paths, config.sample_rate)
    for path, reason in recording_set.left_out:
        _note(f"left out: {reason}")
    split = split_recordings(recording_set, plan.val_frac, plan.cut_below)
    length = fitting_chunk_length(split.train, config, plan.batch_size)
    validation_length = fitting_validation_length(
        split.validation, config, length, plan.batch_size
    )
    data = Data(
        Corpus(split.train, config, length), Corpus(split.validation, config, validation_length)
    )
    steps = data.train.steps_per_epoch(plan.batch_size)
    _note(
        f"{len(recording_set.recordings)} files, {recording_set.dur_s:.1f} s at "
        f"{config.sample_rate} Hz; held out: {split.held_out}; {data.train.num_chunks} chunks of "
        f"{length / config.sample_rate:.2f} s, {steps} steps an epoch"
    )
    return data


def _find_run(sources):
    """The RunFolder to go on with, or None, and the checkpoint to begin with, or None."""
    if not sources.resume:
        return None, None
    if sources.resume_from is not None:
        if (sources.resume_from / STATE_NAME).is_file():
            return RunFolder(sources.resume_from), None
        return None, sources.resume_from
    latest = RunFolder.latest(sources.logdir)
    if latest is None:
        return None, None
    if (latest.path / STATE_NAME).is_file():
        return latest, None
    return None, latest.path  # of PRiSM: weights alone


def _take_weights(model, path, config):
    """Put a checkpoint's weights into `model`; returns the epoch in its name, else 0."""
    files = find_model(path)
    if files.prefix is None:
        raise CheckpointError(f"{path} has no checkpoint to train (give one of a run folder)")
    loaded = load_model(dataclasses.replace(files, config=config))
    weights = named_variables(loaded)
    for name, variable in named_variables(model).items():
        variable.assign(weights[name])
    match = re.search(r"-(\d+)$", files.prefix)
    epoch = int(match[1]) if match else 0
    _note(f"beginning with the weights of {files.prefix}, after epoch {epoch}")
    return epoch


def _note(text):
    print(text, file=sys.stderr, flush=True)
