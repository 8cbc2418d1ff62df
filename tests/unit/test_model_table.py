"""`bench/model_table.py` and `bench/ablation_table.py`, on a model with random weights."""

import json

import numpy as np
import pytest
from places import PROJECT

from sopilib import engine
from sopilib.audio.write import write_audio
from sopilib.evaluation.verdict import LEAST
from sopilib.model.config import ModelConfig

RATE = 1000


@pytest.fixture(scope="module")
def table():
    """Return the module, imported as a script sees it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT / "bench"))
        import model_table

        yield model_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model `tiny` and its corpus `tiny.wav` of four minutes."""
    if not engine.is_built():
        pytest.skip("the engine is not built")
    from sopilib.engine.pack import pack
    from sopilib.engine.packed_file import write_packed
    from sopilib.engine.random_model import random_folded

    folder = tmp_path_factory.mktemp("table")
    (folder / "tiny").mkdir()
    config = ModelConfig(frame_sizes=(2, 8), dim=16, num_rnn_layers=1, sample_rate=RATE)
    packed = pack(config, random_folded(config), "int8")
    write_packed(folder / "tiny" / "tiny.int8.pack", config, packed)
    (folder / "tiny" / "tiny.config.json").write_text(json.dumps(config.to_dict()))
    (folder / "tiny" / "README.md").write_text("| temperature | 0.8 recommended |\n")
    pitches = np.repeat(np.random.default_rng(0).uniform(60, 400, 480), RATE // 2)
    write_audio(folder / "tiny.wav", 0.5 * np.sin(2 * np.pi * np.cumsum(pitches) / RATE), RATE)
    return folder


def test_a_model_has_a_row_in_both_tables_and_all_figures_in_the_json(table, folder, capsys):
    output = folder / "table.json"
    words = [str(folder / "tiny"), "--corpus", f"tiny={folder / 'tiny.wav'}", "--quick"]
    assert table.main([*words, "--output", str(output)]) == 0
    summary, measures = capsys.readouterr().out.strip().split("\n\n")
    assert summary.splitlines()[0].startswith("| model | temperature | takes that hold |")
    cells = [cell.strip() for cell in summary.splitlines()[2].strip("|").split("|")]
    assert cells[:3] == ["tiny", "0.8", "0 of 4"]  # noise holds nowhere
    assert cells[-1].endswith("(int8)")
    assert measures.splitlines()[0] == f"| model | {' | '.join(LEAST)} |"
    row = json.loads(output.read_text())["models"]["tiny"]
    assert row["num_minutes"] == 8 and len(row["takes"]) == 4
    assert row["bits_per_sample"] == pytest.approx(8, abs=0.5)  # random weights know nothing
    assert row["predictor_bits"] < 7  # a sine is predictable
    assert row["held_out_s"] == 5.0
    assert abs(row["seed_steering"]["own"]) <= 1 and row["seed_steering"]["num_seeds"] == 24
    recorded = row["seed_steering"]["recorded"]
    there = f"{recorded['own']:.2f}, {100 * recorded['best_is_own']:.0f} %"
    assert (
        cells[summary.splitlines()[0].strip("|").split(" | ").index("in the recordings")] == there
    )
    assert row["takes"][0]["measures"]["windows"] > 1.5


def test_a_model_without_a_corpus_is_named_and_left_out(table, folder, tmp_path, capsys):
    words = [str(folder / "tiny"), "--corpus", f"other={folder / 'tiny.wav'}"]
    assert table.main([*words, "--output", str(tmp_path / "table.json")]) == 1
    assert "tiny: no corpus (give --corpus tiny=FILE)" in capsys.readouterr().err
    assert not (tmp_path / "table.json").exists()


def test_a_missing_corpus_file_is_one_line(table, folder, tmp_path, capsys):
    words = [str(folder / "tiny"), "--corpus", "tiny=/no/such.flac"]
    assert table.main([*words, "--output", str(tmp_path / "table.json")]) == 1
    assert "tiny: no file or folder /no/such.flac" in capsys.readouterr().err


def test_the_bundled_models_are_found_with_the_temperature_of_their_cards(table):
    found = table.bundled_models()
    assert {"preludes", "voce"} <= {path.name for path in found}
    assert "presets" not in {path.name for path in found}
    for path in found:
        assert 0.5 <= table.recommended_temperature(path) <= 1.2


def test_a_pair_needs_both_sides(table):
    assert table.pair("a=b=c") == ("a", "b=c")
    with pytest.raises(SystemExit):
        table.parsed(["--corpus", "a="])


def test_a_training_has_a_row_of_its_bits_its_measures_and_what_a_push_leaves(
    table, folder, capsys
):
    import ablation_table

    line = {"kind": "epoch", "step": 9, "seconds": 1.5, "epoch": 1, "val_bits_per_sample": 7.5}
    (folder / "tiny" / "history.jsonl").write_text(json.dumps(line) + "\n")
    words = [str(folder / "tiny.wav"), str(folder / "tiny"), "--minutes", "1"]
    assert ablation_table.main(words) == 0
    heads, _, row = capsys.readouterr().out.strip().splitlines()
    assert heads.startswith("| training | held-out bits | spectrum | ")
    cells = dict(zip(heads.strip("| ").split(" | "), row.strip("| ").split(" | ")))
    assert (cells["training"], cells["held-out bits"]) == (folder.name, "7.500")
    # random weights make noise at any temperature, and do not recover from it
    assert cells["runaway 1.1"] == "100 %, 0 %" and cells["recovery"] == "100 %"


def test_an_ablation_of_what_is_not_there_is_one_line(table, folder, capsys):
    import ablation_table

    assert ablation_table.main([str(folder / "tiny.wav"), str(folder / "none")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ablation_table: no model") and error.count("\n") == 1
