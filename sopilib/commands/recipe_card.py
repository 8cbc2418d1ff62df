"""The card of a model that a training by a recipe leaves: what it is and how to load it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sopilib.audio.recordings import RecordingSet
from sopilib.model.config import ModelConfig
from sopilib.training.time_budget import time_text

TEMPERATURE = 1.0  # recommended: the export makes the best one temperature 1

_CARD = """# {name}

A SampleRNN model trained on {recordings}. It plays in Pd without TensorFlow.

| | |
|---|---|
| network | {network} |
| sound | {rate} Hz, mono, {q_type}, {q_levels} levels |
| weights | int8 (8 bits) |
| temperature | {temperature:g} recommended |
| config | {playing}: how the checkpoint is played |
| held-out bits per sample | {bits:.3f} |
| audition | {audition} |
| training | {stages} |

![A take from silence](preview.png)

[preview.flac](preview.flac) is {dur:g} s from silence: `samplernn generate --ckpt_dir FOLDER \
--dur {dur:g} --temperature {temperature:g} --rng_seed 0 --output_path take.wav`, with this folder
as FOLDER.

![Recordings and take, side by side](beside_recordings.png)

## Play
Run `samplernn play`, click `another folder` and choose this folder. In a patch of your own, send
`load FOLDER` to `[samplernn~]`, or `load --python P -- --ckpt_dir FOLDER` as older patches do.

## Training
```
{command}
```

The licence of what the model generates depends on the recordings.
"""


@dataclass(frozen=True)
class Facts:
    """What the card says of a model that the folder does not hold.

    Attributes:
      name: of the model.
      bits: per sample, on held-out sound.
      playing: how the checkpoint is played, see `sopilib.training.match.Playing`.
      shortcomings: what the audition found beyond its limits; empty if all holds.
      command: line with which it was trained.
      stages: (name, seconds) of each.
    """

    name: str
    bits: float
    playing: str
    shortcomings: Sequence[str]
    command: str
    stages: Sequence[tuple[str, float]]


def card(config: ModelConfig, facts: Facts, recordings: RecordingSet, preview_s: float) -> str:
    """Return the text of README.md.

    Args:
      config: of the model.
      facts: what the folder does not hold.
      recordings: that it was trained on.
      preview_s: seconds of the preview.
    """
    num_files = len(recordings.recordings)
    files = f"{num_files} recordings" if num_files > 1 else recordings.recordings[0].path.name
    return _CARD.format(
        name=facts.name,
        recordings=f"{files}, {time_text(recordings.dur_s)} of sound",
        network=_network_text(config),
        rate=config.sample_rate,
        q_type=config.q_type,
        q_levels=config.q_levels,
        temperature=TEMPERATURE,
        playing=facts.playing,
        bits=facts.bits,
        audition="; ".join(facts.shortcomings) or "all measures within their limits",
        stages=", ".join(f"{name} {time_text(seconds)}" for name, seconds in facts.stages),
        dur=round(preview_s, 1),
        command=facts.command,
    )


def _network_text(config: ModelConfig) -> str:
    small, big = config.frame_sizes
    layers = config.num_rnn_layers
    layers_text = f"{layers} {config.rnn_type.upper()} layer{'s' if layers > 1 else ''}"
    skips = "with" if config.skip_conn else "no"
    return (
        f"three tiers, frames of {small} and {big} samples, {layers_text} of {config.dim} in each "
        f"RNN tier, {skips} skip connections"
    )
