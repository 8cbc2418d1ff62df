"""The engine against the golden logits, the TensorFlow generator and plain numpy."""

import numpy as np
import pytest
from engine_models import (
    config_of,
    engine_generator,
    packed_model,
    plain_logits,
)
from golden import (
    NAMES,
    amid,
    audio_of,
    constant,
    golden_arrays,
    golden_config,
    golden_generator,
    predicted,
)

from sopilib.engine import native
from sopilib.engine.engine import EngineGenerator
from sopilib.engine.pack import RECIPES, pack
from sopilib.engine.random_model import random_folded
from sopilib.errors import RequestError
from sopilib.model.quantize import quantize

# of frames 4 and 16: within a frame, at its end, at a big frame's end, beyond
LENGTHS = (0, 1, 3, 4, 5, 15, 16, 17, 33, 63)


def teacher_forced(generator, audio):
    """Return logits (num_seqs, n, q_levels) before each sample of audio (num_seqs, n)."""
    logits = []
    for t in range(audio.shape[1]):
        logits.append(generator.next_logits())
        generator.prime(audio[:, t : t + 1])
    return np.stack(logits, axis=1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("isa", native.instruction_sets())
def test_float32_logits_are_the_golden_ones_and_the_state_is_carried_on(name, isa):
    generator = engine_generator(name, isa=isa)
    for samples, logits in (("samples", "logits"), ("samples_next", "logits_next")):
        found = teacher_forced(generator, predicted(name, samples)[1])
        np.testing.assert_allclose(found, golden_arrays(name)[logits], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("precision, bits", [("float32", 1e-4), ("int8", 1e-3), ("int4", 1e-2)])
def test_rounding_costs_few_bits(name, precision, bits):
    levels, _ = predicted(name)
    logits = golden_arrays(name)["logits"].astype(np.float64)
    chosen = np.take_along_axis(logits, levels[..., np.newaxis], axis=-1)[..., 0]
    expected = (np.log(np.exp(logits).sum(axis=-1)) - chosen) / np.log(2)
    found = engine_generator(name, precision=precision).bits(levels)
    if precision == "float32":
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert abs(found.mean() - expected.mean()) < bits


@pytest.mark.parametrize("name", NAMES)
def test_the_same_random_numbers_give_the_samples_of_the_tensorflow_generator(name):
    reference = golden_generator(name, 2)
    reference.reset(rng_seed=12)
    temperature = np.tile(np.linspace(0.4, 1.4, 2000, dtype=np.float32), (2, 1))
    expected = reference.generate(temperature)
    found = engine_generator(name, rng_seed=12).generate(temperature)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("precision", RECIPES)
def test_all_instruction_sets_give_the_same_bits(name, precision):
    _, audio = predicted(name)
    plain = teacher_forced(engine_generator(name, precision=precision, isa="plain"), audio)
    for isa in native.instruction_sets():
        found = teacher_forced(engine_generator(name, precision=precision, isa=isa), audio)
        np.testing.assert_array_equal(found, plain, err_msg=isa)


@pytest.mark.parametrize("rnn_type", ["gru", "lstm"])
@pytest.mark.parametrize("skip_conn", [False, True])
@pytest.mark.parametrize("frame_sizes", [(3,), (2, 6), (1, 2, 6), (2, 4, 8, 24)])
def test_one_to_four_tiers_follow_the_equations(rnn_type, skip_conn, frame_sizes):
    config = config_of(rnn_type=rnn_type, skip_conn=skip_conn, frame_sizes=frame_sizes)
    folded = random_folded(config, rng_seed=4)
    levels = np.random.default_rng(1).integers(0, config.q_levels, (3, 60))
    generator = EngineGenerator(config, pack(config, folded, "float32"), 3, threads=2)
    found = teacher_forced(generator, audio_of(levels, config))
    for voice in range(3):
        expected = plain_logits(config, folded, levels[voice])
        np.testing.assert_allclose(found[voice], expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_after_any_length_of_seed_the_logits_are_the_golden_ones(name):
    _, audio = predicted(name)
    logits = golden_arrays(name)["logits"]
    for num_samples in LENGTHS:
        generator = engine_generator(name)
        generator.prime(audio[:, :num_samples])
        np.testing.assert_allclose(generator.next_logits(), logits[:, num_samples], atol=1e-4)


def test_one_seed_primes_all_voices_alike():
    _, audio = predicted("gru_mulaw")
    generator = engine_generator("gru_mulaw")
    generator.prime(audio[0, :37])
    logits = golden_arrays("gru_mulaw")["logits"][0, 37]
    np.testing.assert_allclose(generator.next_logits(), [logits, logits], atol=1e-4)


@pytest.mark.parametrize("precision", RECIPES)
def test_chunks_that_end_anywhere_are_the_whole_sample_for_sample(precision):
    def fresh():
        return engine_generator("lstm_linear_skip", precision=precision, rng_seed=7)

    whole = fresh().generate(constant(1.0, 2500))
    assert whole.shape == (2, 2500) and whole.dtype == np.float32
    generator = fresh()
    sizes = (1, 0, 2, 16, 13, 64, 5, 199, 1100, 1100)
    chunks = [generator.generate(constant(1.0, n)) for n in sizes]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


@pytest.mark.parametrize("precision", RECIPES)
@pytest.mark.parametrize("isa", native.instruction_sets())
def test_neither_threads_nor_other_voices_change_a_voice(precision, isa):
    def take(num_seqs, threads):
        generator = engine_generator("gru_linear_skip", num_seqs, precision, threads, isa, 3)
        return generator.generate(constant(1.0, 300, num_seqs))

    alone = take(1, 1)
    for num_seqs, threads in ((1, 2), (2, 1), (5, 3), (16, 2)):
        np.testing.assert_array_equal(take(num_seqs, threads)[0], alone[0])


def test_each_voice_and_sample_has_its_own_temperature():
    temperature = np.concatenate([constant(1.0, 50), constant(0.0, 50)], axis=1)
    temperature[1] = 0.0
    mixed = engine_generator("gru_mulaw").generate(temperature)
    cold = engine_generator("gru_mulaw").generate(constant(0.0, 100))
    np.testing.assert_array_equal(mixed[1], cold[1])
    generator = engine_generator("gru_mulaw")
    np.testing.assert_array_equal(mixed[0, :50], generator.generate(constant(1.0, 50))[0])
    np.testing.assert_array_equal(mixed[0, 50:], generator.generate(constant(0.0, 50))[0])


@pytest.mark.parametrize("name", NAMES)
def test_temperature_0_takes_the_most_likely_level(name):
    config = golden_config(name)
    audio = amid(engine_generator(name).generate(constant(0.0, 100)), config)
    levels = quantize(audio, config.q_type, config.q_levels)
    logits = teacher_forced(engine_generator(name), audio)
    chosen = np.take_along_axis(logits, levels[..., np.newaxis], axis=-1)[..., 0]
    np.testing.assert_array_equal(chosen, logits.max(axis=-1))


def test_looking_at_the_logits_advances_nothing():
    generator = engine_generator("gru_mulaw", rng_seed=5)
    generator.next_logits()
    first = generator.generate(constant(1.0, 9))
    generator.next_logits()
    rest = generator.generate(constant(1.0, 20))
    whole = engine_generator("gru_mulaw", rng_seed=5).generate(constant(1.0, 29))
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), whole)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_samples", LENGTHS)
def test_a_restored_state_goes_on_as_the_saved_one_did(name, num_samples):
    generator = engine_generator(name, rng_seed=9)
    generator.generate(constant(1.0, num_samples))
    saved = generator.save_state()
    expected = generator.generate(constant(1.0, 100))
    generator.generate(constant(1.0, 7))
    generator.restore_state(saved)
    np.testing.assert_array_equal(generator.generate(constant(1.0, 100)), expected)
    other = engine_generator(name, rng_seed=1)
    other.restore_state(saved)
    np.testing.assert_array_equal(other.generate(constant(1.0, 100)), expected)


def test_a_state_of_another_number_of_voices_is_refused_and_changes_nothing():
    saved = engine_generator("gru_mulaw", num_seqs=3).save_state()
    generator = engine_generator("gru_mulaw", rng_seed=2)
    with pytest.raises(RequestError, match="another model or number of voices"):
        generator.restore_state(saved)
    expected = engine_generator("gru_mulaw", rng_seed=2).generate(constant(1.0, 50))
    np.testing.assert_array_equal(generator.generate(constant(1.0, 50)), expected)


def test_reset_starts_anew_with_its_random_seed():
    generator = engine_generator("lstm_mulaw", rng_seed=5)
    first = generator.generate(constant(1.0, 200))
    generator.reset(rng_seed=6)
    assert not np.array_equal(generator.generate(constant(1.0, 200)), first)
    generator.reset(rng_seed=5)
    np.testing.assert_array_equal(generator.generate(constant(1.0, 200)), first)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_seqs": 0}, "0 voices"),
        ({"threads": 0}, "0 threads"),
        ({"threads": 20000}, r"20000 threads \(give 1 to \d+\)"),
        ({"isa": "mmx"}, "no kernels mmx for this processor .choose from .*plain"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(RequestError, match=message):
        engine_generator("gru_mulaw", **arguments)


def test_arrays_of_another_size_are_refused():
    packed = packed_model("gru_mulaw")
    for name in ("hidden2", "tier0.layer1.kernel", "outputs_bias", "table"):
        arrays = {**packed.arrays, name: packed.arrays[name][:-1]}
        with pytest.raises(ValueError, match=f"{name} has .* bytes, expected"):
            native.Engine(packed.settings, arrays, 1, 1, "")
        del arrays[name]
        with pytest.raises(ValueError, match=f"no array {name}"):
            native.Engine(packed.settings, arrays, 1, 1, "")


@pytest.mark.parametrize("name", NAMES)
def test_threads_may_come_and_go_between_chunks_and_the_samples_are_the_same(name):
    whole = engine_generator(name, threads=1, rng_seed=3).generate(constant(1.0, 600))
    generator = engine_generator(name, threads=3, rng_seed=3)
    chunks = []
    for threads in (3, 1, 2, 3, 1, 3) * 10:
        generator.limit_threads(threads)
        chunks.append(generator.generate(constant(1.0, 10)))
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), whole)


def test_a_limit_of_threads_that_the_team_has_not_is_refused():
    for threads in (0, 3):
        with pytest.raises(ValueError, match="a team of 2 threads"):
            engine_generator("gru_mulaw", threads=2).limit_threads(threads)
