"""Sound files and resampling, against soxr's own resampling of the whole."""

import numpy as np
import pytest
import soundfile
import soxr

from sopilib.audio.files import read_audio, read_seed
from sopilib.audio.live_resample import TableResampler, live_resampler
from sopilib.audio.mono_file import mono_file_blocks
from sopilib.audio.resample import StreamResampler, mix_to_mono, resample
from sopilib.audio.write import write_audio
from sopilib.errors import AudioError

RATES = [(16000, 44100), (16000, 48000), (44100, 16000), (16000, 8000), (16000, 16001)]


def noise(num_samples, num_seqs=1):
    return np.random.default_rng(0).uniform(-1, 1, (num_seqs, num_samples)).astype(np.float32)


def in_chunks(resampler, audio, sizes):
    pieces, begin = [], 0
    for size in sizes:
        pieces.append(resampler.push(audio[:, begin : begin + size]))
        begin += size
    pieces.append(resampler.push(audio[:, begin:]))
    return np.concatenate([*pieces, resampler.finish()], axis=1)


@pytest.mark.parametrize("in_rate, out_rate", RATES)
def test_chunks_resampled_one_by_one_equal_the_whole(in_rate, out_rate):
    audio = noise(in_rate // 2, num_seqs=2)
    resampler = StreamResampler(in_rate, out_rate, np.zeros((2, 0)))
    chunked = in_chunks(resampler, audio, [1, 0, 7, 300, 64, 2500])
    whole = soxr.resample(audio.T, in_rate, out_rate, quality="HQ").T
    assert chunked.shape == (2, out_rate // 2)
    assert chunked.dtype == np.float32
    np.testing.assert_allclose(chunked, whole[:, : out_rate // 2], atol=1e-5)


@pytest.mark.parametrize("in_rate, out_rate", RATES)
@pytest.mark.parametrize("num_samples", [1, 7, 159, 1001])
def test_the_whole_has_exactly_the_rounded_length(in_rate, out_rate, num_samples):
    out = resample(noise(num_samples)[0], in_rate, out_rate)
    assert out.shape == (round(num_samples * out_rate / in_rate),)


@pytest.mark.parametrize("in_rate, out_rate", RATES)
def test_with_its_context_a_part_is_resampled_as_within_the_whole(in_rate, out_rate):
    audio = noise(2 * in_rate)
    cut = in_rate
    resampler = StreamResampler(in_rate, out_rate, audio[:, :cut])
    part = in_chunks(resampler, audio[:, cut:], [500, 40])
    whole = soxr.resample(audio.T, in_rate, out_rate, quality="HQ").T
    np.testing.assert_allclose(part, whole[:, out_rate:], atol=1e-5)


# the last has a table of 1001 places, of at most 1024 that are used
@pytest.mark.parametrize("in_rate, out_rate", [*RATES[:-1], (16000, 16016)])
def test_a_stream_is_resampled_by_table_as_by_soxr_chunk_by_chunk(in_rate, out_rate):
    audio, context = noise(in_rate // 4, num_seqs=2), noise(in_rate, num_seqs=2)[:, : in_rate // 50]
    table = TableResampler(in_rate, out_rate, context)
    soxr_s = StreamResampler(in_rate, out_rate, context)
    begin = 0
    for size in (1, 0, 7, 28, 300, 64, 28, 1000):
        chunk = audio[:, begin : begin + size]
        begin += size
        made, expected = table.push(chunk), soxr_s.push(chunk)
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, expected, atol=5e-6)


def test_soxr_resamples_many_voices_and_unrelated_rates():
    few, many = np.zeros((2, 0)), np.zeros((9, 0))
    assert isinstance(live_resampler(16000, 44100, few), TableResampler)
    assert isinstance(live_resampler(16000, 44100, many), StreamResampler)
    assert isinstance(live_resampler(16000, 44101, few), StreamResampler)


def test_without_context_the_same_part_would_begin_with_a_click():
    audio = noise(16000)
    part = resample(audio[0, 8000:], 16000, 44100)
    whole = resample(audio[0], 16000, 44100)
    assert np.abs(part - whole[22050:])[:100].max() > 0.05


def test_the_output_lags_behind_by_no_more_than_the_filter():
    resampler = StreamResampler(16000, 44100, np.zeros((1, 0)))
    num_out = sum(resampler.push(noise(160)).shape[1] for _ in range(100))
    assert 44100 - 300 <= num_out <= 44100


def test_resampling_to_the_same_rate_changes_nothing():
    audio = noise(100)[0]
    assert resample(audio, 16000, 16000) is audio


def test_channels_are_mixed_by_their_mean():
    stereo = np.float32([[1.0, 0.0], [0.5, -0.5], [0.25, 0.75]])
    assert mix_to_mono(stereo).tolist() == [0.5, 0.0, 0.5]
    assert mix_to_mono(stereo[:, 0]).tolist() == [1.0, 0.5, 0.25]


def test_a_written_file_reads_back(tmp_path):
    audio = noise(50)[0]
    write_audio(tmp_path / "x.wav", audio, 22050)
    read, rate = read_audio(tmp_path / "x.wav")
    assert rate == 22050
    assert read.shape == (50, 1) and read.dtype == np.float32
    np.testing.assert_allclose(read[:, 0], audio, atol=1 / 32768)


def test_a_file_that_is_missing_empty_or_no_sound_is_told_by_its_name(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 2)), 16000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 16000, subtype="FLOAT")
    (tmp_path / "text.wav").write_text("not a sound")
    reasons = {"empty.wav": "empty", "text.wav": "cannot read", "no.wav": "no sound file"}
    for name, reason in {**reasons, "nan.wav": "NaN"}.items():
        with pytest.raises(AudioError, match=reason) as raised:
            read_audio(tmp_path / name)
        assert name in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["missing/x.wav", "x.nosuchformat"])
def test_what_cannot_be_written_is_told_by_its_name(tmp_path, name):
    with pytest.raises(AudioError, match="cannot write .*x"):
        write_audio(tmp_path / name, np.zeros(5, np.float32), 16000)


@pytest.mark.parametrize("in_rate, out_rate", RATES)
def test_in_blocks_the_output_is_the_same_to_the_last_bit_whatever_the_chunks(in_rate, out_rate):
    audio, context = noise(in_rate // 2), noise(300)

    def resampled(sizes):
        return in_chunks(StreamResampler(in_rate, out_rate, context, block=441), audio, sizes)

    whole = resampled([])
    for sizes in ([1, 0, 7, 300, 64, 2500], [50] * 100, [3000]):
        np.testing.assert_array_equal(resampled(sizes), whole)
    plain = in_chunks(StreamResampler(in_rate, out_rate, context), audio, [])
    np.testing.assert_allclose(whole, plain, atol=1e-5)


@pytest.mark.parametrize("in_rate, out_rate", RATES)
@pytest.mark.parametrize("block", [None, 100])
def test_what_is_needed_for_an_output_is_neither_less_nor_more(in_rate, out_rate, block):
    for num_out in (1, 99, 100, 101, 777):
        resampler = StreamResampler(in_rate, out_rate, np.zeros((1, 0)), block)
        num_in = resampler.num_needed(num_out)
        before = resampler.push(noise(num_in - 1)).shape[1]
        assert before < num_out <= before + resampler.push(noise(1)).shape[1]


def test_in_float_a_written_file_keeps_every_bit(tmp_path):
    audio = noise(50)[0] * 3
    write_audio(tmp_path / "x.wav", audio, 16000, "FLOAT")
    assert np.array_equal(read_audio(tmp_path / "x.wav")[0][:, 0], audio)


def test_a_seed_is_read_from_its_offset_on_and_not_from_outside(tmp_path):
    path = tmp_path / "seed.wav"
    soundfile.write(path, np.arange(10) / 16, 8000, subtype="FLOAT")
    seed, rate = read_seed(path, 7)
    assert rate == 8000 and seed[:, 0].tolist() == [7 / 16, 8 / 16, 9 / 16]
    assert read_seed(None, 0) == (None, None)
    for offset in (-1, 10):
        with pytest.raises(AudioError, match="give 0 to 9"):
            read_seed(path, offset)


@pytest.mark.parametrize("kind", ["mono", "stereo", "inverted"])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_file_in_blocks_is_the_whole_mixed_and_resampled_to_the_last_bit(kind, rate, tmp_path):
    left = noise(1_300_000)[0]  # more than a block
    other = {"mono": [], "stereo": [np.roll(left, 7)], "inverted": [-0.9 * left]}[kind]
    path = tmp_path / "x.wav"
    soundfile.write(path, np.stack([left, *other], axis=1), rate, subtype="FLOAT")
    audio, _ = read_audio(path)
    whole = resample(mix_to_mono(audio), rate, 16000)
    blocks = list(mono_file_blocks(path, 16000))
    assert len(blocks) > 2
    np.testing.assert_array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("samples, told", [([], "is empty"), ([0.1, np.nan], "NaN or infinity")])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_a_file_in_blocks_is_refused_as_the_whole_is(samples, told, num_channels, tmp_path):
    audio = np.array([samples] * num_channels, np.float32).T
    soundfile.write(tmp_path / "x.wav", audio, 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match=told):
        list(mono_file_blocks(tmp_path / "x.wav", 8000))
