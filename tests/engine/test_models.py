"""The bundled models: each is complete, small enough, documented, and generates sound."""

import numpy as np
import pytest
import soundfile

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model

MODELS = sorted(
    p.parent for p in models_folder().glob("*/*.config.json") if p.parent.name != "presets"
)
MOST_BYTES = 25_000_000

of_each = pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)


def test_a_piano_and_a_voice_come_along():
    assert [folder.name for folder in MODELS] == ["preludes", "voce"]


@of_each
def test_a_model_has_a_card_that_says_what_one_asks_of_it(folder):
    card = (folder / "README.md").read_text()
    for heading in ("## Data", "## Training", "## How good it is", "## Licence"):
        assert heading in card
    assert "samplernn train --data_dir" in card
    assert "bits per sample" in card
    assert (
        f"[{folder.name}]({folder.name}/README.md)" in (models_folder() / "README.md").read_text()
    )


@of_each
def test_a_model_is_small_enough_for_a_repository(folder):
    files = [path for path in folder.iterdir() if path.suffix != ".pack"]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


@of_each
def test_a_preview_can_be_heard_and_seen(folder):
    sound, sample_rate = soundfile.read(folder / "preview.wav")
    assert sample_rate == find_model(folder).config.sample_rate
    assert len(sound) == 60 * sample_rate and np.abs(sound).max() > 0.1
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")


@of_each
def test_a_model_sounds_from_silence(folder):
    generator = make_generator(find_model(folder), num_seqs=1)
    take = Take(generator, TakeRequest(dur_s=1.0, rng_seed=0))
    sound = np.concatenate(list(take), axis=1)[0]
    assert sound.shape == (16_000,)
    assert np.sqrt(np.mean(sound**2)) > 0.003
