"""The data of a training: the split, the chunks, and the steps over them."""

from pathlib import Path

import numpy as np
import pytest

from sopilib.audio.recordings import Recording, RecordingSet
from sopilib.errors import AudioError
from sopilib.model.config import ModelConfig
from sopilib.training import dataset
from sopilib.training.dataset import Corpus, step_seed
from sopilib.training.joined import joined
from sopilib.training.soft_passages import SoftPassages, soft_level, without_soft_passages
from sopilib.training.split import (
    fitting_chunk_length,
    fitting_validation_length,
    split_recordings,
    without_long_silences,
)

CONFIG = ModelConfig(frame_sizes=(2, 4), dim=4, q_type="linear", seq_len=8, sample_rate=1000)


def ramp(num_samples, begin=0.0):
    """Return sound whose linear levels (256) encode the position: 128, 129, ..., to 255."""
    return (begin + np.arange(num_samples, dtype=np.float32) % 128 + 0.5) / 128


def recordings(*lengths):
    named = [Recording(Path(f"{k}.wav"), ramp(n) + 0.1) for k, n in enumerate(lengths)]
    return RecordingSet(named, 1000, 1.0, [])


def steps(dataset):
    return [(samples.numpy(), bool(is_first)) for samples, is_first in dataset]


def test_a_chunk_comes_segment_by_segment_each_with_the_big_frame_before_it():
    corpus = Corpus([ramp(24)], CONFIG, chunk_length=24)
    assert (corpus.num_chunks, corpus.steps_per_epoch(1)) == (1, 3)
    found = steps(corpus.training_batches(1, rng_seed=0, epoch=0))
    assert [is_first for _, is_first in found] == [True, False, False]
    assert found[0][0].tolist() == [[128] * 4 + list(range(128, 136))]
    assert found[1][0].tolist() == [list(range(132, 144))]
    assert found[2][0].tolist() == [list(range(140, 152))]
    assert found[0][0].dtype == np.int32


def test_a_chunk_fades_in_from_silence():
    loud = np.full(16, 64.5 / 128, np.float32)  # level 192, 64 above silence
    corpus = Corpus([loud], CONFIG, chunk_length=16, fade_in=8)
    (first, _), (second, _) = steps(corpus.training_batches(1, rng_seed=0, epoch=0))
    np.testing.assert_array_equal(first[0, :4], 128)
    np.testing.assert_array_equal(first[0, 4:], 128 + 8 * np.arange(8))
    np.testing.assert_array_equal(second[0, :4], 128 + 8 * np.arange(4, 8))
    np.testing.assert_array_equal(second[0, 4:], 192)


def test_silence_stands_before_a_chunk_even_where_another_sound_does():
    corpus = Corpus([ramp(16, begin=64), ramp(16)], CONFIG, chunk_length=16)
    firsts = [s for s, is_first in steps(corpus.training_batches(2, 0, 0)) if is_first]
    assert (firsts[0][:, :4] == 128).all()


def test_every_chunk_comes_once_an_epoch_in_an_order_of_its_own():
    corpus = Corpus([ramp(80), ramp(40)], CONFIG, chunk_length=16)
    assert corpus.num_chunks == 7
    starts = [corpus.epoch_starts(rng_seed=1, epoch=epoch) for epoch in range(3)]
    for places in starts:
        inside = np.sort(places) - 4  # a big frame of silence lies before all
        assert len(set(inside)) == 7 and inside[0] == 0
        assert ((inside[:5] % 16 == 0) & (inside[:5] < 80)).all()  # no room in the first
        assert 80 <= inside[5] <= 88 and inside[6] == inside[5] + 16
    assert not np.array_equal(starts[0], starts[1])


def test_the_places_of_chunks_change_with_the_epoch_where_there_is_room():
    corpus = Corpus([ramp(100)], CONFIG, chunk_length=64)
    starts = {int(corpus.epoch_starts(0, epoch)[0]) - 4 for epoch in range(50)}
    assert min(starts) >= 0 and max(starts) <= 36 and len(starts) > 20


def test_an_epoch_depends_on_the_random_seed_and_its_number_alone():
    corpora = [Corpus([ramp(300)], CONFIG, chunk_length=16) for _ in range(2)]
    first = steps(corpora[0].training_batches(4, rng_seed=5, epoch=2))
    again = steps(corpora[1].training_batches(4, rng_seed=5, epoch=2))
    other = steps(corpora[1].training_batches(4, rng_seed=6, epoch=2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again))
    assert not all(np.array_equal(a[0], b[0]) for a, b in zip(first, other))


@pytest.mark.parametrize("first_step", [1, 2, 5, 8])
def test_an_epoch_can_be_resumed_at_any_step(first_step):
    corpus = Corpus([ramp(300)], CONFIG, chunk_length=16)
    whole = steps(corpus.training_batches(4, 0, 3))
    rest = steps(corpus.training_batches(4, 0, 3, first_step))
    assert len(rest) == len(whole) - first_step
    for (samples, is_first), (expected, expected_first) in zip(rest, whole[first_step:]):
        np.testing.assert_array_equal(samples, expected)
        assert is_first == expected_first


def test_rows_of_a_batch_are_those_of_the_whole_one():
    corpus = Corpus([ramp(300)], CONFIG, chunk_length=16)
    whole = steps(corpus.training_batches(4, 0, 3))
    rows = steps(corpus.training_batches(4, 0, 3, rows=slice(1, 3)))
    assert len(whole) == len(rows)
    for (samples, is_first), (found, found_first) in zip(whole, rows):
        np.testing.assert_array_equal(found, samples[1:3])
        assert found_first == is_first


def test_validation_uses_every_chunk_once_and_fills_up_the_last_batch():
    corpus = Corpus([ramp(16 * 5)], CONFIG, chunk_length=16)
    batches = corpus.validation_batches(batch_size=2)
    assert [num_chunks for _, num_chunks in batches] == [2, 2, 1]
    heard = [s[:n, 4:] for batch, n in batches for s, _ in steps(batch)]
    assert sorted(np.concatenate(heard).ravel()) == list(range(128, 128 + 80))


def test_more_than_256_levels_are_kept_whole():
    config = ModelConfig(frame_sizes=(2, 4), q_type="linear", q_levels=1024, seq_len=8)
    sound = np.linspace(0, 0.9, 8, dtype=np.float32)
    ((samples, _),) = steps(Corpus([sound], config, 8).training_batches(1, 0, 0))
    assert samples[0, :4].tolist() == [512] * 4
    assert samples[0, -1] == 512 + int(0.9 * 512)


def trained_levels(corpus, epoch=0):
    """Return the levels of all steps of an epoch at batch size 1, without what stands before."""
    samples = [s[0, 4:] for s, _ in steps(corpus.training_batches(1, 0, epoch))]
    return np.concatenate(samples)


@pytest.fixture
def without_fades(monkeypatch):
    monkeypatch.setattr(dataset, "FADE_S", 0.0)


def short_ones(num, num_samples=12):
    """Return stretches shorter than a chunk of 16, each of one level of its own above silence."""
    return [np.full(num_samples, (k + 1.5) / 128, np.float32) for k in range(num)]


def test_stretches_shorter_than_a_chunk_are_joined_and_all_are_used(without_fades):
    corpus = Corpus(short_ones(20), CONFIG, chunk_length=16)
    assert (corpus.num_chunks, corpus.num_short, corpus.num_samples) == (15, 20, 240)
    orders = []
    for epoch in range(2):
        levels = trained_levels(corpus, epoch)
        assert np.bincount(levels)[129:149].tolist() == [12] * 20
        in_order = trained_levels_in_place(corpus, epoch)
        assert np.count_nonzero(np.diff(in_order)) == 19  # each as a whole, one after another
        orders.append(in_order[::12].tolist())
    assert orders[0] != orders[1]
    again = Corpus(short_ones(20), CONFIG, chunk_length=16)
    assert np.array_equal(trained_levels(again, 1), trained_levels(corpus, 1))


def trained_levels_in_place(corpus, epoch):
    """Return the levels of an epoch's chunks in the order of their places."""
    starts = corpus.epoch_starts(0, epoch)
    chunks = trained_levels(corpus, epoch).reshape(len(starts), -1)
    return chunks[np.argsort(starts)].ravel()


def test_the_rests_of_long_stretches_are_joined_too(without_fades):
    corpus = Corpus([ramp(28), ramp(28)], CONFIG, chunk_length=16)  # one chunk and 12 of each
    assert (corpus.num_chunks, corpus.num_short) == (3, 0)
    counts = np.zeros(256, int)
    for epoch in range(40):
        counts += np.bincount(trained_levels(corpus, epoch), minlength=256)
    assert (counts[128:156] >= 40).all()  # of 80 that two stretches hold
    assert counts.sum() == 40 * 48


def test_joined_stretches_fade_into_each_other():
    levels = np.full(40, 228, np.uint8)
    sound = joined(levels, [(0, 20), (20, 40)], 40, silence=128, fade=4)
    assert sound[:6].tolist() == [128, 153, 178, 203, 228, 228]
    assert sound[16:24].tolist() == [203, 178, 153, 128, 128, 153, 178, 203]
    assert joined(levels, [(0, 3), (3, 40)], 10, 128, 4).shape == (10,)


def test_short_stretches_that_fill_no_chunk_change_nothing():
    alone, with_short = (
        Corpus([ramp(80), *more], CONFIG, chunk_length=16) for more in ([], [ramp(5)])
    )
    assert alone.checksum == with_short.checksum
    assert np.array_equal(trained_levels(alone), trained_levels(with_short))


def test_short_stretches_are_validated_on_too():
    batches = Corpus(short_ones(4), CONFIG, 16).validation_batches(batch_size=2)
    assert [num_chunks for _, num_chunks in batches] == [2, 1]
    limited = Corpus(short_ones(4), CONFIG, 16, max_chunks=1).validation_batches(2)
    assert [num_chunks for _, num_chunks in limited] == [1]


def test_an_epoch_of_joined_stretches_can_be_resumed_at_any_step():
    corpus = Corpus(short_ones(20), CONFIG, chunk_length=16)
    whole, rest = (steps(corpus.training_batches(4, 0, 3, first)) for first in (0, 3))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[3:], rest, strict=True))


def test_another_corpus_has_another_checksum():
    sums = {Corpus([s], CONFIG, 16).checksum for s in (ramp(64), ramp(64), ramp(64, 1), ramp(80))}
    assert len(sums) == 3


def test_whole_files_are_held_out_if_they_are_not_too_long():
    split = split_recordings(recordings(*[1000] * 10), val_frac=0.2)
    assert (len(split.train), len(split.validation)) == (8, 2)
    assert split.held_out == "2 of 10 files, 2.0 s"


@pytest.mark.parametrize("lengths", [(5000,), (5000, 4000), (100, 5000)])
def test_otherwise_the_end_of_the_longest_file_is_held_out(lengths):
    split = split_recordings(recordings(*lengths), val_frac=0.1)
    wanted = round(0.1 * sum(lengths))
    longest = next(ramp(n) + 0.1 for n in lengths if n == 5000)
    (validation,) = split.validation
    np.testing.assert_array_equal(validation, longest[-wanted:].astype(np.float32))
    assert sum(map(len, split.train)) == sum(lengths) - wanted
    assert f"the last {wanted / 1000:.1f} s of" in split.held_out


def test_long_silences_are_cut_out_but_for_their_first_second():
    sound, silence = np.full(1500, 0.5), np.zeros(1000)
    audio = np.concatenate([sound, *[silence] * 5, sound[:1000], silence, sound[:700]])
    first, second = without_long_silences(audio, sample_rate=1000)
    assert len(first) == 3000  # 1.5 s of sound and the rest of that second, then one of silence
    np.testing.assert_array_equal(second, audio[6000:])


@pytest.mark.parametrize("audio", [np.zeros(5000), np.zeros(0)])
def test_nothing_is_left_of_silence(audio):
    assert without_long_silences(audio, 1000) == []


def test_soft_passages_are_cut_out_in_quarters_of_a_second():
    audio = np.full(3000, 0.5, np.float32)
    audio[900:1600] = 0.04  # -28 dBFS
    first, second = without_soft_passages(audio, sample_rate=1000, cut_below=-26.0)
    np.testing.assert_array_equal(first, audio[:1000])  # its last quarter holds some loud sound
    np.testing.assert_array_equal(second, audio[1500:])
    assert len(without_soft_passages(audio, sample_rate=1000, cut_below=-30.0)) == 1


def test_the_softest_part_is_cut_out_but_no_more_and_only_where_it_is_soft():
    rng = np.random.default_rng(3)
    levels_db = rng.permutation(np.repeat([-40.0, -20.0, 0.0], [5, 5, 90]))
    audio = np.repeat(10 ** (levels_db / 20), 250).astype(np.float32)
    for share, left_out_db in ((0.05, -40), (0.1, -20), (0.2, -20)):
        level = soft_level([audio], sample_rate=1000, share=share)
        loud = np.concatenate(without_soft_passages(audio, 1000, level))
        expected = audio[np.repeat(levels_db > left_out_db, 250)]
        np.testing.assert_array_equal(loud, expected)
    assert soft_level([audio], 1000, share=0.01) == pytest.approx(-40)  # none is softer


@pytest.mark.parametrize("quiet", np.linspace(0.01, 0.1, 50))
def test_a_long_soft_passage_of_one_level_is_kept_whole(quiet):
    audio = np.repeat(np.float32([quiet, 1.0]), [3000, 7000])
    stretches, _ = SoftPassages(softest=0.04).leave_out([audio], 1000)
    assert [len(s) for s in stretches] == [10_000]


def test_sound_of_one_level_and_silence_lose_nothing_to_the_softest_part():
    noise = np.random.default_rng(3).normal(0, 0.1, 20_000).astype(np.float32)
    stretches, level = SoftPassages(softest=0.5).leave_out([noise], 1000)
    assert sum(map(len, stretches)) == len(noise)
    assert level == pytest.approx(-32, abs=0.5)
    drums = [np.zeros(6000, np.float32), noise]  # silence is 23 % of it
    assert SoftPassages(softest=0.1).leave_out(drums, 1000) == (drums, None)
    assert SoftPassages(softest=0.5).leave_out([], 1000) == ([], None)


def test_the_louder_of_two_levels_decides_what_is_soft():
    audio = np.repeat(np.float32([0.003, 0.5]), [1000, 9000])
    for soft in (SoftPassages(-70.0, 0.2), SoftPassages(-40.0, 0.01)):
        stretches, _ = soft.leave_out([audio], 1000)
        assert [len(s) for s in stretches] == [9000]


def test_soft_passages_are_cut_out_of_the_training_sound_alone():
    sounds = recordings(1000, 1000)
    for recording in sounds.recordings:
        recording.audio[:500] = 0.001
    split = split_recordings(sounds, val_frac=0.5, soft=SoftPassages(below=-40.0))
    assert [len(s) for s in split.train] == [500]
    assert [len(s) for s in split.validation] == [1000]


def test_the_chunk_length_fills_the_batch():
    # at 1000 Hz a chunk is at most 8000 samples
    assert fitting_chunk_length([ramp(160_000)], CONFIG, batch_size=4, chunk_dur_s=8.0) == 8000
    assert fitting_chunk_length([ramp(10_000)], CONFIG, batch_size=4, chunk_dur_s=8.0) == 2496
    # 160 samples in all: the last 20 of each stretch are joined
    assert fitting_chunk_length([ramp(100), ramp(60)], CONFIG, batch_size=4, chunk_dur_s=8.0) == 40


def test_too_little_sound_for_a_batch_is_refused():
    with pytest.raises(AudioError, match=r"0\.0 s of sound .*batches of 4 x 8.*--batch_size"):
        fitting_chunk_length([ramp(31)], CONFIG, batch_size=4, chunk_dur_s=8.0)
    with pytest.raises(AudioError, match="shorter than 8 samples.*--val_frac"):
        fitting_validation_length([ramp(7)], CONFIG, 64, batch_size=4)


def test_dropout_has_another_seed_in_each_step():
    seeds = [tuple(step_seed(0, step)) for step in range(100)]
    assert len(set(seeds)) == 100
    assert seeds[3] == tuple(step_seed(0, 3)) != tuple(step_seed(1, 3))


def test_no_sound_above_cut_below_is_told():
    with pytest.raises(AudioError, match=r"no sound is left to train on \(lower --cut_below"):
        fitting_chunk_length([], CONFIG, 4, 8.0)
