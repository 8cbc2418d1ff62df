"""The bundled models: each is complete, small enough, documented, and generates sound."""

import numpy as np
import pytest
import soundfile

from sopilib.generation.generator import make_generator
from sopilib.generation.take import Take, TakeRequest
from sopilib.installation.model_card import description
from sopilib.installation.models import Kind, ModelPlace, find_models
from sopilib.installation.paths import models_folder
from sopilib.model.folder import find_model
from sopilib.model.package import missing_for_sharing

MODELS = sorted(
    path for path in models_folder().iterdir() if path.is_dir() and path.name != "presets"
)
MOST_BYTES = 25_000_000
PREVIEWS = {"preview.flac": 30, "preview.wav": 60}  # the seconds of each

of_each = pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)


def test_a_piano_and_a_voice_come_along():
    assert {"preludes", "voce"} <= {folder.name for folder in MODELS}


def test_each_folder_but_the_presets_is_listed_as_a_model():
    bundled = [ModelPlace(models_folder(), Kind.BUNDLED)]
    assert [model.folder for model in find_models(bundled)] == MODELS
    assert all(model.sample_rate for model in find_models(bundled))


@of_each
def test_a_model_has_a_card_that_says_what_one_asks_of_it(folder):
    card = (folder / "README.md").read_text()
    assert missing_for_sharing(folder) == []
    for heading in ("## Data", "## Training", "## How good it is", "## Licence"):
        assert heading in card
    assert "samplernn train --data_dir" in card
    assert 20 < len(description(card)) < 120
    assert "bits per sample" in card
    assert (
        f"[{folder.name}]({folder.name}/README.md)" in (models_folder() / "README.md").read_text()
    )


@of_each
def test_a_model_is_small_enough_for_a_repository(folder):
    is_exported = not any(folder.glob("*.index"))  # otherwise packed weights are a cache
    files = [path for path in folder.iterdir() if is_exported or path.suffix != ".pack"]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


@of_each
def test_a_preview_can_be_heard_and_seen(folder):
    (name,) = [name for name in PREVIEWS if (folder / name).is_file()]
    sound, sample_rate = soundfile.read(folder / name)
    assert sample_rate == find_model(folder).config.sample_rate
    assert len(sound) == PREVIEWS[name] * sample_rate and np.abs(sound).max() > 0.1
    assert (folder / "preview.png").read_bytes().startswith(b"\x89PNG")


@of_each
def test_a_model_sounds_from_silence(folder):
    generator = make_generator(find_model(folder), num_seqs=1)
    take = Take(generator, TakeRequest(dur_s=1.0, rng_seed=0))
    sound = np.concatenate(list(take), axis=1)[0]
    assert sound.shape == (generator.config.sample_rate,)
    assert np.sqrt(np.mean(sound**2)) > 0.003
