"""From flags to a training that can run: read and split the data, find or make the run folder."""

import contextlib
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sopilib.audio.recordings import RecordingSet, read_recordings
from sopilib.errors import CheckpointError, RequestError, printable
from sopilib.model.checkpoint import load_model
from sopilib.model.config import ModelConfig
from sopilib.model.fit import CheckpointFitError
from sopilib.model.folder import ModelFiles, checkpoint_number, find_checkpoint
from sopilib.model.network import SampleRNN, named_variables
from sopilib.training.dataset import Corpus, Data
from sopilib.training.loop import Output, Training
from sopilib.training.plan import Plan
from sopilib.training.preview import PreviewRequest
from sopilib.training.replicas import OneReplica
from sopilib.training.run_folder import RunFolder
from sopilib.training.soft_passages import SoftPassages
from sopilib.training.split import (
    Split,
    first_chunks,
    fitting_chunk_length,
    fitting_validation_length,
    split_recordings,
)
from sopilib.training.state import STATE_NAME

# recordings whose names a training's state keeps, to say which were added since
_MOST_LISTED = 10_000


@dataclass(frozen=True)
class Sources:
    """What a training is made from and where it goes.

    Attributes:
      data: folders or files of recordings.
      logdir: LOGDIR_ROOT/ID.
      config_name: name of the config's file in the run folder.
      resume: whether to resume the newest run in `logdir`.
      resume_from: a run folder or checkpoint to resume from instead, or None.
      arguments: the words of the command line, for args.txt.
    """

    data: Sequence[Path]
    logdir: Path
    config_name: str
    resume: bool
    resume_from: Path | None
    arguments: Sequence[str]


@contextlib.contextmanager
def prepare(
    config: ModelConfig,
    plan: Plan,
    sources: Sources,
    preview: PreviewRequest | None,
    replicas: OneReplica = OneReplica(),
    data: Data | None = None,
) -> Iterator[tuple[Training, RunFolder | None]]:
    """Yield a Training and its RunFolder, which is None on workers other than the chief.

    In the with block no other process trains in the run folder.

    Args:
      config: of the model.
      plan: of the training.
      sources: what it is made from.
      preview: what previews to make, in the run folder unless it says where; None for none.
      replicas: the replicas that train.
      data: as `read_data` returned it for the same config and plan; by default it is read.

    Raises:
      AudioError: the recordings cannot be used.
      CheckpointError: what to resume from is missing, damaged, of another training, or another
        process trains there.
      RequestError: the workers differ in flags or data.
    """
    if data is None:
        data = replicas.by_all(lambda: read_data(sources.data, config, plan, replicas))
    if replicas.num_workers > 1:
        _check_same(replicas, config, plan, data)
    with replicas.scope():
        model = SampleRNN(config, plan.rng_seed)
    with contextlib.ExitStack() as lock:
        run_path, epochs_before = replicas.by_chief(
            lambda: _begin_run(sources, config, model, lock)
        )
        run_folder = RunFolder(run_path) if replicas.is_chief else None
        if run_folder is not None and preview is not None and preview.folder is None:
            preview = dataclasses.replace(preview, folder=run_folder.path / "previews")
        training = Training(model, data, plan, Output(run_folder, preview), replicas)
        if training.position.step and run_folder is not None:
            _note(f"resuming at step {training.position.step} of {run_folder.path}")
        if epochs_before:
            training.begin_after(epochs_before)
        yield training, run_folder


def _check_same(replicas: OneReplica, config: ModelConfig, plan: Plan, data: Data) -> None:
    """Raise RequestError where this worker would train another model than the chief."""
    mine = {f"--{name}": value for name, value in dataclasses.asdict(plan).items()}
    mine |= {"config": config.to_dict(), "corpus checksum": data.train.checksum}
    chiefs = replicas.by_chief(lambda: mine)

    def check() -> None:
        for name, value in json.loads(json.dumps(mine)).items():
            if value != chiefs[name]:
                raise RequestError(
                    f"worker {replicas.index + 1} has another {name}, {value}, than the first "
                    f"worker, {chiefs[name]} (give all the same flags and the same recordings)"
                )

    replicas.by_all(check)


def read_data(
    paths: Sequence[Path], config: ModelConfig, plan: Plan, replicas: OneReplica = OneReplica()
) -> Data:
    """Return the Data of recordings; the chief prints what is in it and what is left out.

    Raises:
      AudioError: there is too little sound.
    """
    recording_set = read_recordings(paths, config.sample_rate, plan.mono)
    batch_size = plan.batch_size * replicas.num_replicas
    split = split_recordings(
        recording_set, plan.val_frac, SoftPassages(plan.cut_below, plan.cut_softest)
    )
    length = fitting_chunk_length(split.train, config, batch_size, plan.chunk_dur)
    validation_length = fitting_validation_length(split.validation, config, length, batch_size)
    held_out, max_chunks = split.validation, None
    if plan.num_val_batches is not None:
        max_chunks = plan.num_val_batches * plan.batch_size
        held_out = first_chunks(held_out, validation_length, max_chunks)
    fade_in = round((plan.fade_in or 0) * config.sample_rate)
    data = Data(
        Corpus(split.train, config, length, fade_in),
        Corpus(held_out, config, validation_length, fade_in, max_chunks),
        _lengths(recording_set),
        tuple(recording_set.left_out_lines()),
    )
    if replicas.is_chief:
        _note(_data_text(recording_set, split.held_out, data, batch_size, replicas.num_replicas))
        _note(_use_text(split, data, batch_size, config.sample_rate))
        for line in [*data.left_out, *recording_set.odd_lines()]:
            _note(line)
    return data


def _lengths(recording_set: RecordingSet) -> dict[str, int]:
    """Return the samples of each recording by its name, or path if several have that name.

    Empty for very many recordings.
    """
    recordings = recording_set.recordings
    if len(recordings) > _MOST_LISTED:
        return {}
    numbers = Counter(recording.path.name for recording in recordings)
    names = (r.path.name if numbers[r.path.name] == 1 else r.path for r in recordings)
    return {printable(name): len(r.audio) for name, r in zip(names, recordings)}


def _data_text(
    recording_set: RecordingSet, held_out: str, data: Data, batch_size: int, num_replicas: int
) -> str:
    rate, corpus = recording_set.sample_rate, data.train
    several = f" by {num_replicas} replicas" if num_replicas > 1 else ""
    return (
        f"{len(recording_set.recordings)} files, {recording_set.dur_s:.1f} s at {rate} Hz, gain "
        f"{recording_set.gain_db:+.1f} dB on all; "
        f"held out: {held_out}; {corpus.num_chunks} chunks of {corpus.chunk_length / rate:.2f} "
        f"s, {corpus.steps_per_epoch(batch_size)} steps an epoch{several}"
    )


def _use_text(split: Split, data: Data, batch_size: int, sample_rate: int) -> str:
    """Return the line that tells how much sound is used in an epoch, and what is not and why."""
    corpus = data.train
    num_used = corpus.num_chunks // batch_size * batch_size * corpus.chunk_length
    total_s = (corpus.num_samples + split.num_cut) / sample_rate
    text = f"an epoch trains on {num_used / sample_rate:.1f} of {total_s:.1f} s"
    if corpus.num_short:
        text += f", {corpus.num_short} stretches shorter than a chunk are joined"
    soft = "" if split.cut_below is None else f" and passages below {split.cut_below:.3g} dBFS"
    reasons = {
        f"of silence{soft}": split.num_cut,
        "that fill no batch, another part in each epoch": corpus.num_samples - num_used,
    }
    least = 0.05 * sample_rate  # that shows
    left_out = [f"{n / sample_rate:.1f} s {why}" for why, n in reasons.items() if n >= least]
    return f"{text}; left out: {', '.join(left_out)}" if left_out else text


def _begin_run(
    sources: Sources, config: ModelConfig, model: SampleRNN, lock: contextlib.ExitStack
) -> tuple[str, int]:
    """Return the run folder's path, and the epochs of another run whose weights `model` has.

    `lock` holds the folder from now on.
    """
    run_folder, checkpoint = _find_run(sources)
    epochs_before = 0
    if run_folder is None:
        if checkpoint is not None:
            epochs_before = _load_weights(model, checkpoint, config, sources.config_name)
        run_folder = RunFolder.create(
            sources.logdir, sources.config_name, config, sources.arguments
        )
    lock.enter_context(run_folder.locked())
    return str(run_folder.path), epochs_before


def _find_run(sources: Sources) -> tuple[RunFolder | None, Path | None]:
    """Return the RunFolder to resume, or None, and the checkpoint to begin with, or None."""
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
    return None, latest.path  # a run of PRiSM, which has weights alone


def _load_weights(model: SampleRNN, path: Path, config: ModelConfig, config_name: str) -> int:
    """Give `model` a checkpoint's weights; return the epoch in its name, else 0.

    The config is that of the flags, even if the folder has one: PRiSM's folders have none.
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
    epoch = checkpoint_number(prefix) or 0
    _note(f"beginning with the weights of {prefix}, after epoch {epoch}")
    return epoch


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
