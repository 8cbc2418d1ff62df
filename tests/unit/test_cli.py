"""The `samplernn` command as a user types it."""

import json
import re
import shutil
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from golden import CHECKPOINTS
from samplernn_process import start_samplernn

from sopilib.commands.main import main

MODEL = str(CHECKPOINTS / "gru_mulaw")


@pytest.fixture
def seed(tmp_path):
    path = tmp_path / "seed.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4000)
    soundfile.write(path, noise, 16000, subtype="FLOAT")
    return path


def generate(output_path, *flags):
    return main(
        ["generate", "--ckpt_dir", MODEL, "--output_path", str(output_path), *map(str, flags)]
    )


def test_generate_writes_one_file_of_the_exact_length(tmp_path, capsys):
    assert generate(tmp_path / "a.wav", "--dur", 0.1, "--rng_seed", 1) == 0
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.frames, info.samplerate, info.channels) == (1600, 16000, 1)
    captured = capsys.readouterr()
    assert "a.wav: 0.10 s at 16000 Hz, rng_seed 1" in captured.out
    assert "0.10/0.10 s of sound" in captured.err


def test_generate_writes_a_numbered_file_for_each_voice(tmp_path):
    flags = ("--dur", 0.1, "--num_seqs", 2, "--sample_rate", 44100, "--rng_seed", 1)
    assert generate(tmp_path / "a", *flags, "--temperature", 0.9, "Env([0.7,1.05],[4],[0])") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a_0.wav", "a_1.wav"]
    voices = [soundfile.read(tmp_path / f"a_{voice}.wav") for voice in range(2)]
    assert [(len(audio), rate) for audio, rate in voices] == [(4410, 44100)] * 2
    assert not np.array_equal(voices[0][0], voices[1][0])


def test_the_flags_of_prisms_script_are_understood(tmp_path):
    prefix = str(CHECKPOINTS / "gru_mulaw" / "model.ckpt-1")
    config = str(CHECKPOINTS / "gru_mulaw" / "gru-mulaw.config.json")
    flags = ["generate", "--output_path", str(tmp_path / "b.wav"), "--dur", "0.05"]
    flags += ["--checkpoint_path", prefix, "--config_file", config, "--rng_seed", "1"]
    assert main(flags) == 0
    assert generate(tmp_path / "a.wav", "--dur", 0.05, "--rng_seed", 1) == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_the_seed_and_its_offset_change_the_take(tmp_path, seed):
    flags_of = {
        "none": [],
        "all": ["--seed", seed],
        "end": ["--seed", seed, "--seed_offset", 3000],
    }
    for name, flags in flags_of.items():
        assert generate(tmp_path / f"{name}.wav", "--dur", 0.05, "--rng_seed", 1, *flags) == 0
    takes = {(tmp_path / f"{name}.wav").read_bytes() for name in flags_of}
    assert len(takes) == 3


@pytest.mark.parametrize("engine", [["--engine", "tensorflow"], ["--precision", "int8"]])
def test_from_makes_the_same_take_again(engine, tmp_path, seed, capsys):
    flags = ("--dur", 0.1, "--num_seqs", 2, "--sample_rate", 22050, "--seed", seed)
    more = ("--seed_offset", 1000, "--temperature", 0.9, "Env([0.7,1.05],[0.05])", *engine)
    assert generate(tmp_path / "a.wav", *flags, *more) == 0
    assert main(["generate", "--from", str(tmp_path / "a.json")]) == 0
    assert (
        main(
            [
                "generate",
                "--from",
                str(tmp_path / "a.json"),
                "--threads",
                "1",
                "--output_path",
                str(tmp_path / "b"),
            ]
        )
        == 0
    )
    for again in ("a-again", "b"):
        for voice in range(2):
            first = (tmp_path / f"a_{voice}.wav").read_bytes()
            assert (tmp_path / f"{again}_{voice}.wav").read_bytes() == first
        records = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("a", again)]
        assert records[1].pop("sound") == [f"{again}_0.wav", f"{again}_1.wav"]
        assert records[1]["takes"][0]["seed"].pop("file") == f"{again}.seed.wav"
        del records[0]["sound"], records[0]["takes"][0]["seed"]["file"]
        assert records[0] == records[1]
    assert "samplernn generate --from" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_text())["takes"][0]["seed"]["from"] == str(seed)


def test_from_tells_if_the_samples_are_others(tmp_path, capsys):
    assert generate(tmp_path / "a.wav", "--dur", 0.01) == 0
    values = json.loads((tmp_path / "a.json").read_text())
    values["takes"][0]["sha256"] = "0" * 64
    (tmp_path / "a.json").write_text(json.dumps(values))
    assert main(["generate", "--from", str(tmp_path / "a.json")]) == 1
    assert "a-again.wav is not the same to the last bit (" in capsys.readouterr().err
    assert (tmp_path / "a-again.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()


def test_from_a_file_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["generate", "--from", str(tmp_path / "no.json")]) == 1
    captured = capsys.readouterr().err
    assert "no.json: No such file" in captured and captured.count("\n") == 1


@pytest.mark.parametrize("flags", [["--ckpt_dir", MODEL], ["--dur", "1"], ["--rng_seed", "0"]])
def test_what_the_record_says_cannot_be_said_otherwise(flags, tmp_path, capsys):
    with pytest.raises(SystemExit) as raised:
        main(["generate", "--from", str(tmp_path / "a.json"), *flags])
    assert raised.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_score_prints_bits_per_sample_as_text_and_as_json(seed, capsys):
    assert main(["score", "--ckpt_dir", MODEL, "--json", str(seed), str(seed)]) == 0
    score = json.loads(capsys.readouterr().out)
    assert score["num_samples"] == 8000
    # an untrained model knows nothing: about log2(256) bits
    assert score["bits_per_sample"] == pytest.approx(8.0, abs=0.2)
    assert main(["score", "--ckpt_dir", MODEL, str(seed)]) == 0
    assert f"{score['bits_per_sample']:.4f} bits per sample" in capsys.readouterr().out


def test_info_prints_what_the_model_is(capsys):
    assert main(["info", "--ckpt_dir", MODEL]) == 0
    facts = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert facts["name"] == "gru_mulaw"
    assert facts["checkpoint"] == "model.ckpt-1"
    assert facts["frame_sizes"] == "[4, 16]"
    assert facts["sample_rate"] == "16000 Hz (assumed)"
    assert facts["parameters"] == "117248"


@pytest.mark.parametrize(
    "flags, told",
    [
        (["--dur", 0], "length 0 s"),
        (["--dur", "nan"], "length nan s"),
        (["--temperature", "warm"], "'warm'"),
        (["--temperature", 1, 1], "2 temperatures for 1 voice "),
        (["--num_seqs", 0], "0 voices"),
        (["--num_seqs", 5000], "5000 voices (give 1 to 4096)"),
        (["--seed", "missing.wav"], "missing.wav"),
        (["--seed", "SEED", "--seed_offset", 4000], "--seed_offset 4000"),
        (["--config", "missing.config.json"], "missing.config.json"),
    ],
)
def test_a_bad_value_is_one_line_on_stderr_and_status_1(flags, told, tmp_path, seed, capsys):
    flags = [seed if flag == "SEED" else flag for flag in flags]
    assert generate(tmp_path / "a.wav", *flags) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("samplernn: ") and captured.err.count("\n") == 1
    assert told in captured.err
    assert captured.out == "" and not (tmp_path / "a.wav").exists()


def test_a_missing_output_folder_is_told_before_anything_is_made(tmp_path, capsys):
    assert generate(tmp_path / "no" / "a.wav") == 1
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["take.v1", "take.json"])
def test_a_name_of_no_sound_file_is_told_before_anything_is_made(name, tmp_path, capsys):
    assert generate(tmp_path / name, "--dur", 3600) == 1
    assert f"{name}: '{Path(name).suffix}' is not a sound file format" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "argv",
    [[], ["sing"], ["generate"], ["generate", "--ckpt_dir", MODEL], ["score", "--ckpt_dir", MODEL]],
)
def test_wrong_usage_is_status_2(argv):
    with pytest.raises(SystemExit) as raised:
        main(argv)
    assert raised.value.code == 2


@pytest.mark.parametrize(
    "command, said",
    [
        ("generate", "--threads N (default: all cores, of more than two all but one)"),
        ("radio", "--threads N (default: all cores, of more than two all but one)"),
        ("bench", "--threads T (default: all cores, of more than two all but one)"),
        ("generate", "(default: only an earlier take of that name)"),
        ("radio", "--overwrite replace files that are in the way (default: none)"),
        ("export", "(default: only an earlier export of the model)"),
        ("report", "(default: only an earlier report)"),
    ],
)
def test_the_help_says_what_holds_without_a_flag(command, said, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert said in " ".join(capsys.readouterr().out.split())


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    flags = ["--ckpt_dir", MODEL, "--output_path", "a.wav", "--dur", 3000]
    process = start_samplernn("generate", *flags, cwd=tmp_path)
    shown = b""
    while not re.search(rb"\| [1-9]", shown) and process.poll() is None:
        shown += process.stderr.read1()
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.startswith(b"a.wav: ")
    assert 16000 <= soundfile.info(tmp_path / "a.wav").frames < 3000 * 16000


# some versions of argparse hide the error themselves
@pytest.mark.parametrize("words, statuses", [("models", [141]), ("install --help", [141, 0])])
def test_a_reader_that_ends_first_is_no_error(words, statuses):
    process = start_samplernn(*words.split())
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) in statuses


def test_a_run_is_exported_and_shared_under_the_name_of_its_id(tmp_path, capsys):
    run = tmp_path / "bells" / "01.02.2026_10.20.30"
    shutil.copytree(MODEL, run, ignore=shutil.ignore_patterns("*.pack"))
    (run / "history.jsonl").touch()
    words = ["share", str(tmp_path / "bells"), "--output_path", str(tmp_path / "out.zip")]
    assert main(words) == 1
    assert "no card" in capsys.readouterr().err
    (run / "README.md").write_text("# bells\n\nA bell.\n\n## Licence\nMIT\n")
    (run / "preview.wav").touch()
    assert main(words) == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert sorted(archive.namelist()) == [
            "bells/README.md",
            "bells/bells.config.json",
            "bells/bells.int8.pack",
            "bells/preview.wav",
        ]
