"""The source of a model's sample rate: it is never guessed without notice."""

import hashlib
import json
import os
import re

import numpy as np
import pytest
import soundfile
from golden import copy_checkpoint

from sopilib.commands.main import main
from sopilib.engine.export import export_model
from sopilib.engine.load import load_generator
from sopilib.engine.packed_file import VERSION
from sopilib.errors import ConfigError, RequestError
from sopilib.generation.generator import make_generator, sample_rate_of
from sopilib.model.config_file import with_number
from sopilib.model.folder import find_model
from sopilib.model.sample_rate import RateSource


@pytest.fixture
def model(tmp_path):
    """Return a folder as PRiSM's training leaves it: nothing in it says a sample rate."""
    return copy_checkpoint("gru_mulaw", tmp_path / "model")


def config_of(folder):
    return next(folder.glob("*.config.json"))


def write_sound(path, rate, num_samples=100):
    soundfile.write(path, np.linspace(-0.5, 0.5, num_samples), rate)


def found(folder, **options):
    files = find_model(folder, **options)
    return files.config.sample_rate, files.rate_source.value, files.rate_text


def test_a_rate_that_nothing_says_is_marked_as_assumed(model):
    assert found(model) == (16000, "assumed", "16000 Hz (assumed)")
    assert find_model(model).rate_is_assumed


def test_the_sources_in_their_order(model):
    write_sound(model / "generated_1.wav", 48000)
    assert found(model) == (48000, "recordings", "48000 Hz (recordings)")
    (model / "args.txt").write_text("train.py --sample_rate 22050 --dim 8")
    assert found(model) == (22050, "args.txt", "22050 Hz (args.txt)")
    config = config_of(model)
    config.write_text(config.read_text().replace("{", '{"sample_rate": 32000,', 1))
    assert found(model) == (32000, "config", "32000 Hz")
    assert found(model, sample_rate=11025) == (11025, "stated", "11025 Hz (stated)")


def test_of_a_flag_that_came_twice_the_last_counts_and_nonsense_does_not(model):
    (model / "args.txt").write_text("--sample_rate 16000 --sample_rate 22050")
    assert found(model)[:2] == (22050, "args.txt")
    (model / "args.txt").write_text("--sample_rate 3")
    assert found(model)[:2] == (16000, "assumed")


def test_an_args_txt_in_the_model_folder_counts_for_a_config_from_elsewhere(model, tmp_path):
    (model / "args.txt").write_text("--sample_rate 22050")
    elsewhere = config_of(model).rename(tmp_path / "x.config.json")
    assert found(model, config_path=elsewhere)[:2] == (22050, "args.txt")


def test_recordings_of_two_rates_or_no_sound_at_all_say_nothing(model):
    (model / "notes.wav").write_text("no sound")
    assert found(model)[:2] == (16000, "assumed")
    write_sound(model / "a.wav", 22050)
    assert found(model)[:2] == (22050, "recordings")
    write_sound(model / "b.flac", 44100)
    assert found(model)[:2] == (16000, "assumed")


def test_takes_of_this_program_in_the_folder_prove_no_rate(model, tmp_path):
    write_sound(tmp_path / "seed.wav", 44100, 4000)
    flags = ["--dur", "0.01", "--num_seqs", "2", "--seed", str(tmp_path / "seed.wav")]
    take = ["generate", "--ckpt_dir", str(model), "--output_path", str(model / "take.wav")]
    assert main([*take, *flags]) == 0
    assert {path.name for path in model.glob("*.wav")} == {
        "take_0.wav",
        "take_1.wav",
        "take.seed.wav",
    }
    assert found(model)[:2] == (16000, "assumed")


@pytest.mark.parametrize("rate", [999, 384_001, 0, 22050.5])
def test_a_stated_rate_out_of_range_is_refused(model, rate):
    with pytest.raises(RequestError, match=f"{rate} .give an integer from 1000 to 384000 Hz"):
        find_model(model, sample_rate=rate)


def test_the_exported_model_does_not_make_a_known_rate_of_an_assumed_one(model, tmp_path):
    export_model(find_model(model), ["int8"], tmp_path / "exported")
    assert found(tmp_path / "exported")[:2] == (16000, "assumed")
    export_model(find_model(model, sample_rate=22050), ["int8"], tmp_path / "stated")
    assert found(tmp_path / "stated")[:2] == (22050, "config")


def test_weights_packed_before_the_rate_was_known_are_used_after(model):
    load_generator(find_model(model), 1, "int8", threads=1)
    (pack,) = model.glob("*.pack")
    inode = os.stat(pack).st_ino
    assert main(["set-rate", str(model), "22050"]) == 0
    load_generator(find_model(model), 1, "int8", threads=1)
    load_generator(find_model(model, sample_rate=44100), 1, "int8", threads=1)
    assert [os.stat(path).st_ino for path in model.glob("*.pack")] == [inode]


def test_weights_that_an_earlier_version_packed_under_the_rate_itself_are_used(model):
    load_generator(find_model(model), 1, "int8", threads=1)
    (pack,) = model.glob("*.pack")
    main(["set-rate", str(model), "22050"])
    # the digest in its name included the rate
    config = json.dumps(find_model(model).config.to_dict(), sort_keys=True).encode()
    what = b"%d %s %s" % (VERSION, config, (model / "model.ckpt-1.index").read_bytes())
    digest = hashlib.sha256(what).hexdigest()[:12]
    earlier = pack.rename(model / f"model.ckpt-1.{digest}.int8.pack")
    load_generator(find_model(model), 1, "int8", threads=1)
    assert list(model.glob("*.pack")) == [earlier]


def test_samples_count_at_another_rate_unless_what_needs_them_fails(model):
    generator = make_generator(find_model(model), 1, "native", "float32", 1)
    with sample_rate_of(generator, 22050):
        assert generator.config.sample_rate == 22050
    assert generator.config.sample_rate == 22050
    with pytest.raises(RequestError), sample_rate_of(generator, 44100):
        raise RequestError("too long")
    assert generator.config.sample_rate == 22050


# samplernn generate


def generate(folder, path, *flags):
    command = ["generate", "--ckpt_dir", str(folder), "--output_path", str(path), "--rng_seed", "4"]
    fixed = ["--dur", "0.1", "--precision", "float32"]  # auto is chosen by the rate
    assert main([*command, *fixed, *map(str, flags)]) == 0
    return soundfile.read(path)


def test_sample_rate_is_the_rate_where_nothing_says_it_and_else_resamples(model, tmp_path, capsys):
    as_assumed, _ = generate(model, tmp_path / "a.wav")
    assert "the sample rate of model is unknown, 16000 Hz is assumed" in capsys.readouterr().err
    stated, rate = generate(model, tmp_path / "b.wav", "--sample_rate", 44100)
    assert "unknown" not in capsys.readouterr().err
    assert (len(stated), rate) == (4410, 44100)
    assert np.array_equal(stated[:1600], as_assumed)
    assert main(["set-rate", str(model), "22050"]) == 0
    known, rate = generate(model, tmp_path / "c.wav", "--sample_rate", 44100)
    assert (len(known), rate) == (4410, 44100)
    assert np.abs(known[: len(as_assumed)] - as_assumed).max() > 0.1
    assert np.array_equal(generate(model, tmp_path / "d.wav")[0][:1600], as_assumed)


def test_a_record_makes_a_take_under_a_stated_rate_again_whatever_is_known_by_then(model, tmp_path):
    generate(model, tmp_path / "a.wav", "--sample_rate", 22050)
    again = ["generate", "--from", str(tmp_path / "a.json")]
    for known in (None, "22050", "44100"):
        if known:
            assert main(["set-rate", str(model), known]) == 0
        assert main(again) == 0
        assert (tmp_path / "a-again.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_score_reads_the_sound_at_the_rate_that_is_stated(model, tmp_path, capsys):
    write_sound(tmp_path / "sound.wav", 22050, 2205)
    command = ["score", "--ckpt_dir", str(model), "--precision", "float32", "--json"]
    for flags, num_samples in (([], 1600), (["--sample_rate", "22050"], 2205)):
        assert main([*command, *flags, str(tmp_path / "sound.wav")]) == 0
        told = capsys.readouterr()
        assert json.loads(told.out)["num_samples"] == num_samples
        assert ("16000 Hz is assumed" in told.err) == (not flags)


# samplernn set-rate


def test_set_rate_writes_the_config_and_says_what_it_was(model, capsys):
    before = json.loads(config_of(model).read_text())
    assert main(["set-rate", str(model), "22050"]) == 0
    assert capsys.readouterr().out == (
        f"{config_of(model)}: sample_rate set to 22050 Hz (was 16000 Hz, assumed)\n"
    )
    assert json.loads(config_of(model).read_text()) == {**before, "sample_rate": 22050}
    assert found(model)[:2] == (22050, "config")
    changed_ns = os.stat(config_of(model)).st_mtime_ns
    assert main(["set-rate", str(model), "22050"]) == 0
    assert "is 22050 Hz already" in capsys.readouterr().out
    assert os.stat(config_of(model)).st_mtime_ns == changed_ns
    assert main(["set-rate", str(model / "model.ckpt-1.index"), "48000"]) == 0
    assert "set to 48000 Hz (was 22050 Hz, config)" in capsys.readouterr().out
    assert not list(model.glob("*.part"))


def test_set_rate_leaves_all_else_of_the_file_as_it_is(model):
    text = '{\r\n\t"note": "my \\"sample_rate\\": 1",\r\n\t"dim": 24, "frame_sizes": [4, 16]\r\n}'
    config_of(model).write_bytes(text.encode())
    config_of(model).chmod(0o640)
    assert main(["set-rate", str(model), "22050"]) == 0
    expected = text.replace("{\r\n\t", '{\r\n\t"sample_rate": 22050,\r\n\t', 1)
    assert config_of(model).read_bytes() == expected.encode()
    assert os.stat(config_of(model)).st_mode & 0o777 == 0o640


def test_set_rate_mends_a_rate_that_cannot_be(model, capsys):
    config = config_of(model)
    config.write_text(config.read_text().replace("{", '{"sample_rate": 5,', 1))
    with pytest.raises(ConfigError):
        find_model(model)
    assert main(["set-rate", str(model), "22050"]) == 0
    assert "was an invalid one" in capsys.readouterr().out
    assert found(model)[:2] == (22050, "config")


def test_a_config_that_is_a_link_stays_one(model, tmp_path):
    link = config_of(model)
    target = link.rename(tmp_path / "shared.config.json")
    link.symlink_to(target)
    assert main(["set-rate", str(model), "22050"]) == 0
    assert link.is_symlink()
    assert json.loads(target.read_text())["sample_rate"] == 22050


@pytest.mark.parametrize("rate", ["999", "384001", "0", "-22050"])
def test_set_rate_refuses_a_rate_out_of_range_and_writes_nothing(model, rate, capsys):
    before = config_of(model).read_bytes()
    assert main(["set-rate", "--", str(model), rate]) == 1
    assert f"{rate} (give an integer from 1000 to 384000 Hz)" in capsys.readouterr().err
    assert config_of(model).read_bytes() == before


@pytest.mark.parametrize("rate", ["22k", "22050.5", "nan"])
def test_set_rate_refuses_what_is_no_integer(model, rate, capsys):
    with pytest.raises(SystemExit) as raised:
        main(["set-rate", str(model), rate])
    assert raised.value.code == 2
    assert rate in capsys.readouterr().err


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda path: path.unlink(), r"no \*\.config\.json"),
        (lambda path: path.write_text("{"), "is not JSON"),
    ],
)
def test_set_rate_without_a_config_that_can_be_read_is_one_line(model, make, told, capsys):
    make(config_of(model))
    assert main(["set-rate", str(model), "22050"]) == 1
    error = capsys.readouterr().err
    assert re.search(told, error)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "text, changed",
    [
        ("{}", '{"sample_rate": 22050}'),
        ('{"a": 1}', '{"sample_rate": 22050, "a": 1}'),
        ('{"sample_rate" : 16000 }', '{"sample_rate" : 22050 }'),
        ('{"sample_rate": null, "a": [1]}', '{"sample_rate": 22050, "a": [1]}'),
        (
            '{"a": {"sample_rate": 1}, "sample_rate": 2}',
            '{"a": {"sample_rate": 1}, "sample_rate": 22050}',
        ),
        ('{"a": [{"sample_rate": 1}]}', '{"sample_rate": 22050, "a": [{"sample_rate": 1}]}'),
        (
            '{ // "sample_rate": 1\n "a": 1}',
            '{ "sample_rate": 22050, // "sample_rate": 1\n "a": 1}',
        ),
        ('{"sample_rate": 1 // old\n}', '{"sample_rate": 22050 // old\n}'),
        (
            '{"a": "sample_rate", "b": "}\\""}',
            '{"sample_rate": 22050, "a": "sample_rate", "b": "}\\""}',
        ),
        ('{"sample_rate": 1, "sample_rate": 2}', '{"sample_rate": 1, "sample_rate": 22050}'),
    ],
)
def test_the_number_changes_and_nothing_beside_it(text, changed):
    assert with_number(text, "sample_rate", 22050) == changed


def test_the_sources_are_shown_by_words_of_their_own():
    words = [source.value for source in RateSource]
    assert words == ["stated", "config", "args.txt", "recordings", "assumed"]
