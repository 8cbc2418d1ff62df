"""The generator's state against teacher forcing and the golden logits."""

import tempfile

import numpy as np
import pytest
from golden import NAMES, amid, constant, golden_arrays, golden_generator, golden_model, predicted
from places import PROJECT

from sopilib.errors import RequestError
from sopilib.generation.tensorflow_generator import Generator
from sopilib.generation.tensorflow_loop import sample_levels
from sopilib.model.quantize import quantize

# of frames 4 and 16: within a frame, at its end, at a big frame's end, beyond
LENGTHS = (0, 1, 3, 4, 5, 15, 16, 17, 33, 63)


def fresh(name, num_seqs=2, rng_seed=0):
    generator = golden_generator(name, num_seqs)
    generator.reset(rng_seed)
    return generator


def teacher_forced_logits(name, audio):
    """Return logits (N, n, q_levels) that the network gives each sample of audio (N, n)."""
    model = golden_model(name)
    config = model.config
    levels = quantize(amid(audio, config), config.q_type, config.q_levels)
    silence = config.q_levels // 2
    padded = np.pad(
        levels,
        ((0, 0), (config.big_frame_size, -audio.shape[1] % config.big_frame_size)),
        constant_values=silence,
    )
    logits, _ = model(padded.astype(np.int32), model.zero_state(len(audio)))
    return levels, logits.numpy()[:, : audio.shape[1]]


@pytest.mark.parametrize("name", NAMES)
def test_after_any_length_of_seed_the_logits_are_the_golden_ones(name):
    _, audio = predicted(name)
    logits = golden_arrays(name)["logits"]
    for num_samples in LENGTHS:
        generator = fresh(name)
        generator.prime(audio[:, :num_samples])
        np.testing.assert_allclose(generator.next_logits(), logits[:, num_samples], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_in_pieces_goes_on_into_the_next_segment(name):
    _, audio = predicted(name)
    _, audio_next = predicted(name, "samples_next")
    generator = fresh(name)
    for begin, end in ((0, 5), (5, 6), (6, 50), (50, audio.shape[1])):
        generator.prime(audio[:, begin:end])
    generator.prime(audio_next[:, :21])
    logits = golden_arrays(name)["logits_next"][:, 21]
    np.testing.assert_allclose(generator.next_logits(), logits, atol=1e-4)


def test_one_seed_primes_all_voices_alike():
    _, audio = predicted("gru_mulaw")
    generator = fresh("gru_mulaw")
    generator.prime(audio[0, :37])
    logits = golden_arrays("gru_mulaw")["logits"][0, 37]
    np.testing.assert_allclose(generator.next_logits(), [logits, logits], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_chunks_that_end_anywhere_are_the_whole_sample_for_sample(name):
    whole = fresh(name, rng_seed=7).generate(constant(1.0, 300))
    generator = fresh(name, rng_seed=7)
    chunks = [generator.generate(constant(1.0, n)) for n in (1, 0, 2, 16, 13, 64, 5, 199)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


def test_a_chunk_longer_than_the_compiled_block_is_the_same_as_short_ones():
    whole = fresh("gru_mulaw").generate(constant(1.0, 2500))
    assert whole.shape == (2, 2500) and whole.dtype == np.float32
    generator = fresh("gru_mulaw")
    chunks = [generator.generate(constant(1.0, 500)) for _ in range(5)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_drawn_from_the_teacher_forced_distribution(name):
    temperature = np.linspace(0.3, 1.5, 150).astype(np.float32)
    audio = fresh(name, rng_seed=3).generate(np.tile(temperature, (2, 1)))
    levels, logits = teacher_forced_logits(name, audio)
    for voice in range(2):
        uniform = np.random.default_rng([3, voice]).random(150, dtype=np.float32)
        weights = np.exp(logits[voice].astype(np.float64) / temperature[:, np.newaxis])
        cumulative = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
        drawn = (cumulative <= uniform[:, np.newaxis]).sum(axis=1)
        # a uniform number on the very border may fall to either side
        assert (drawn != levels[voice]).sum() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_temperature_0_takes_the_most_likely_level(name):
    audio = fresh(name).generate(constant(0.0, 100))
    levels, logits = teacher_forced_logits(name, audio)
    most = logits.max(axis=-1)
    chosen = np.take_along_axis(logits, levels[..., np.newaxis], axis=-1)[..., 0]
    np.testing.assert_allclose(chosen, most, atol=1e-5)


def test_each_voice_and_sample_has_its_own_temperature():
    temperature = np.concatenate([constant(1.0, 50), constant(0.0, 50)], axis=1)
    temperature[1] = 0.0
    mixed = fresh("gru_mulaw").generate(temperature)
    np.testing.assert_array_equal(mixed[1], fresh("gru_mulaw").generate(constant(0.0, 100))[1])
    generator = fresh("gru_mulaw")
    np.testing.assert_array_equal(mixed[0, :50], generator.generate(constant(1.0, 50))[0])
    np.testing.assert_array_equal(mixed[0, 50:], generator.generate(constant(0.0, 50))[0])


def test_the_random_seed_decides_the_samples_and_a_voice_has_its_own():
    first = fresh("gru_mulaw", rng_seed=5).generate(constant(1.0, 200))
    np.testing.assert_array_equal(
        fresh("gru_mulaw", rng_seed=5).generate(constant(1.0, 200)), first
    )
    assert not np.array_equal(fresh("gru_mulaw", rng_seed=6).generate(constant(1.0, 200)), first)
    assert not np.array_equal(first[0], first[1])


def test_a_voice_does_not_depend_on_how_many_there_are():
    alone = fresh("gru_mulaw", num_seqs=1).generate(constant(1.0, 200, num_seqs=1))
    together = fresh("gru_mulaw", num_seqs=2).generate(constant(1.0, 200))
    np.testing.assert_array_equal(alone[0], together[0])


def test_looking_at_the_logits_advances_nothing():
    generator = fresh("gru_mulaw", rng_seed=5)
    generator.next_logits()
    first = generator.generate(constant(1.0, 9))
    generator.next_logits()
    rest = generator.generate(constant(1.0, 20))
    whole = fresh("gru_mulaw", rng_seed=5).generate(constant(1.0, 29))
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), whole)


@pytest.mark.parametrize(
    "temperature, uniform, level",
    [(1.0, 0.05, 0), (1.0, 0.15, 1), (1.0, 0.59, 2), (1.0, 0.61, 3), (1.0, 0.9999999, 3)]
    # at 2 the weights are square roots, cumulative 0.1627, 0.3928, 0.6746, 1
    + [(2.0, 0.162, 0), (2.0, 0.163, 1), (2.0, 0.392, 1), (2.0, 0.394, 2), (2.0, 0.675, 3)]
    + [(0.0, 0.05, 3), (1e-30, 0.05, 3), (1e-5, 0.05, 3)],
)
def test_sampling_inverts_the_cumulative_distribution(temperature, uniform, level):
    logits = np.log(np.float32([[0.1, 0.2, 0.3, 0.4]])) + 100.0
    drawn = sample_levels(logits, np.float32([temperature]), np.float32([uniform]))
    assert drawn.numpy().tolist() == [level]


def test_no_voices_are_refused():
    with pytest.raises(RequestError, match="0 voices"):
        Generator(golden_model("gru_mulaw"), 0)


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    """Autograph would leave the source of what it converts there when the process is killed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    generator = golden_generator("gru_mulaw", 1)
    generator.prime(np.zeros(64, np.float32))
    generator.generate(constant(1.0, 5, 1))
    assert list(tmp_path.iterdir()) == []


def test_no_function_is_converted_by_autograph():
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "sopilib").rglob("*.py")]
    functions = [line for text in sources for line in text.splitlines() if "tf.function(" in line]
    assert len(functions) > 5
    assert all("autograph=False" in line for line in functions)
