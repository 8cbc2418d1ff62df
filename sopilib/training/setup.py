"""From flags to a training that can run: data read and split, run folder found or made."""

import dataclasses
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sopilib.audio.recordings import read_recordings
from sopilib.errors import CheckpointError, RequestError
from sopilib.model.checkpoint import CheckpointFitError, load_model
from sopilib.model.folder import ModelFiles, find_checkpoint
from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.dataset import (
    Corpus,
    fitting_chunk_length,
    fitting_validation_length,
    split_recordings,
)
from sopilib.training.keeper import Output
from sopilib.training.loop import Data, Training
from sopilib.training.replicas import OneReplica
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


def prepare(config, plan, sources, preview, replicas=OneReplica()):
    """A Training and its RunFolder, None where another worker keeps that.

    Args:
      config: ModelConfig.
      plan: Plan.
      sources: Sources.
      preview: PreviewRequest, or None.
      replicas: those that train, of `sopilib.training.replicas`.

    Raises:
      AudioError: the recordings cannot be used.
      CheckpointError: what to go on from is missing, damaged or of another training.
      RequestError: the workers do not have the same flags and data.
    """
    data = replicas.by_all(lambda: read_data(sources.data, config, plan, replicas))
    if replicas.num_workers > 1:
        _check_same(replicas, config, plan, data)
    with replicas.scope():
        model = SampleRNN(config, plan.rng_seed)
    run_path, epochs_before = replicas.by_chief(lambda: _begin_run(sources, config, model))
    run_folder = RunFolder(run_path) if replicas.is_chief else None
    if replicas.is_chief and preview is not None and preview.folder is None:
        preview = dataclasses.replace(preview, folder=run_folder.path / "previews")
    training = Training(model, data, plan, Output(run_folder, preview), replicas)
    if training.position.step and replicas.is_chief:
        _note(f"going on from step {training.position.step} in {run_folder.path}")
    if epochs_before:
        training.begin_after(epochs_before)
    return training, run_folder


def _check_same(replicas, config, plan, data):
    """Raise a RequestError where this worker would train another model than the chief."""
    mine = {f"--{name}": value for name, value in dataclasses.asdict(plan).items()}
    mine |= {"config": config.to_dict(), "corpus checksum": data.train.checksum}
    chiefs = replicas.by_chief(lambda: mine)

    def check():
        for name, value in json.loads(json.dumps(mine)).items():
            if value != chiefs[name]:
                raise RequestError(
                    f"worker {replicas.index + 1} has another {name}, {value}, than the first worker, "
                    f"{chiefs[name]} (give all the same flags and the same recordings)"
                )

    replicas.by_all(check)


def read_data(paths, config, plan, replicas=OneReplica()):
    """The Data in recordings, and, by the chief, a line on each thing that is left out.

    Raises:
      AudioError: there is too little sound.
    """
    recording_set = read_recordings(paths, config.sample_rate, plan.mono)
    for path, reason in recording_set.left_out if replicas.is_chief else ():
        _note(f"left out: {reason}")
    batch_size = plan.batch_size * replicas.num_replicas
    split = split_recordings(recording_set, plan.val_frac, plan.cut_below)
    length = fitting_chunk_length(split.train, config, batch_size, plan.chunk_dur)
    validation_length = fitting_validation_length(split.validation, config, length, batch_size)
    held_out = split.validation
    if plan.num_val_batches is not None:
        most_chunks = plan.num_val_batches * plan.batch_size
        held_out = first_chunks(held_out, validation_length, most_chunks)
    fade_in = round((plan.fade_in or 0) * config.sample_rate)
    data = Data(
        Corpus(split.train, config, length, fade_in),
        Corpus(held_out, config, validation_length, fade_in),
    )
    if replicas.is_chief:
        steps = data.train.steps_per_epoch(batch_size)
        several = f" by {replicas.num_replicas} replicas" if replicas.num_replicas > 1 else ""
        _note(
            f"{len(recording_set.recordings)} files, {recording_set.dur_s:.1f} s at "
            f"{config.sample_rate} Hz; held out: {split.held_out}; {data.train.num_chunks} chunks "
            f"of {length / config.sample_rate:.2f} s, {steps} steps an epoch{several}"
        )
    return data


def first_chunks(stretches, length, most_chunks):
    """Return `stretches` as far as they hold at most so many chunks of `length` samples."""
    kept, num_left = [], most_chunks
    for stretch in stretches:
        if num_left:
            kept.append(stretch[: num_left * length])
            num_left -= len(kept[-1]) // length
    return kept


def _begin_run(sources, config, model):
    """The path of the run folder, and the epochs of another run whose weights `model` has."""
    run_folder, checkpoint = _find_run(sources)
    epochs_before = 0
    if run_folder is None:
        if checkpoint is not None:
            epochs_before = _take_weights(model, checkpoint, config, sources.config_name)
        run_folder = RunFolder.create(
            sources.logdir, sources.config_name, config, sources.arguments
        )
    return str(run_folder.path), epochs_before


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


def _take_weights(model, path, config, config_name):
    """Put a checkpoint's weights into `model`; return the epoch in its name, else 0.

    The config is that of the flags, whether the folder has one or not: PRiSM leaves none.
    """
    folder, prefix = find_checkpoint(path)
    if prefix is None:
        raise CheckpointError(f"{path} has no checkpoint to train (give one of a run folder)")
    files = ModelFiles(folder.name, folder, prefix, Path(config_name), config)
    try:
        loaded = load_model(files)
    except CheckpointFitError as error:
        raise CheckpointError(
            f"{error.what} (give the config that it was trained with as --config_file)"
        ) from error
    weights = named_variables(loaded)
    for name, variable in named_variables(model).items():
        variable.assign(weights[name])
    match = re.search(r"-(\d+)$", files.prefix)
    epoch = int(match[1]) if match else 0
    _note(f"beginning with the weights of {files.prefix}, after epoch {epoch}")
    return epoch


def _note(text):
    print(text, file=sys.stderr, flush=True)
