"""`samplernn tune`: searches with Keras Tuner, on one machine and over processes."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from samplernn_process import start_samplernn
from training_runs import CONFIG, write_sounds

from sopilib.commands.main import main
from sopilib.commands.tune import _keep_settings
from sopilib.errors import CheckpointError, ConfigError, RequestError
from sopilib.lock_file import locked
from sopilib.model.config import load_config
from sopilib.model.folder import find_model
from sopilib.training.history import HISTORY_NAME, read_history
from sopilib.training.plan import Plan
from sopilib.training.ranking import Outcome, Row, ranked, table
from sopilib.training.role import Role, read_role
from sopilib.training.search import Search, SearchRequest
from sopilib.training.space import DEFAULT_CHOICES, make_space
from sopilib.training.state import load_state, save_state


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    (folder / "tiny.config.json").write_text(json.dumps(CONFIG.to_dict()))
    return write_sounds(folder / "sounds")


def words(sounds, logdir, *flags):
    """Return the words after `samplernn` of a search of the tiny config, named x."""
    found = ["tune", "--data_dir", sounds, "--config_file", sounds.parent / "tiny.config.json"]
    found += ["--logdir_root", logdir, "--id", "x", "--num_epochs", 1, "--batch_size", 4, *flags]
    return list(map(str, found))


def started(sounds, logdir, *flags, **variables):
    """Return a process of that search, its output to be read."""
    return start_samplernn(
        *words(sounds, logdir, *flags), variables=variables, stderr=subprocess.STDOUT, text=True
    )


def rows(logdir):
    """Return the table of the search, a list of dict from column to text."""
    lines = [line for line in (logdir / "x" / "tune.md").read_text().splitlines() if "|" in line]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(cells[0], line)) for line in cells[2:]]


def outcomes(logdir):
    """Return a dict from a trial's number to its Outcome."""
    return {
        path.parent.name.removeprefix("trial_"): Outcome.read(path.parent)
        for path in (logdir / "x").glob("trial_*/outcome.json")
    }


def epochs(run_folder):
    return [x for x in read_history(Path(run_folder) / HISTORY_NAME) if x["kind"] == "epoch"]


def last_line(capsys):
    return capsys.readouterr().err.splitlines()[-1]


# what is searched


def test_a_flag_with_one_value_is_fixed_and_one_with_several_is_searched():
    given = {"dim": [4, 8, 4], "frame_sizes": [(2, 8)], "learning_rate": [0.1], "optimizer": None}
    space = make_space(CONFIG, Plan(), given)
    assert space.choices == {"dim": [4, 8]}
    assert space.config.frame_sizes == (2, 8) and space.plan.learning_rate == 0.1
    assert space.config_with({"dim": 4}).dim == 4 and space.config_with({"dim": 8}).dim == 8


def test_without_several_values_the_default_choices_are_searched_but_those_that_are_fixed():
    space = make_space(CONFIG, Plan(), {"rnn_type": ["lstm"], "dim": [16]})
    assert set(space.choices) == set(DEFAULT_CHOICES) - {"rnn_type"}
    assert space.config.rnn_type == "lstm" and space.config.dim == 16


def test_invalid_values_are_refused_before_any_trial():
    with pytest.raises(ConfigError, match='"rnn_type" is "gruu"'):
        make_space(CONFIG, Plan(), {"rnn_type": ["gru", "gruu"]})
    with pytest.raises(RequestError, match="--learning_rate -1.0"):
        make_space(CONFIG, Plan(), {"learning_rate": [0.1, -1.0]})
    fixed = {name: values[:1] for name, values in DEFAULT_CHOICES.items()}
    with pytest.raises(RequestError, match="nothing to search"):
        make_space(CONFIG, Plan(), fixed)


def test_a_short_trials_schedule_is_that_of_the_longest():
    plan = Plan(learning_rate=1.0, num_epochs=10, lr_schedule="cosine")
    short = make_space(CONFIG, plan, {"dim": [4, 8]}).plan_with({"dim": 4}, num_epochs=2)
    assert short.num_epochs == 2
    assert short.learning_rate_at(50, steps_per_epoch=10) == pytest.approx(0.5)


def test_the_table_has_the_lowest_bits_first_and_what_failed_last():
    found = ranked(
        [
            Row("0", None, {"frame_sizes": (3, 8)}, Outcome("a", reason="it | is\nwrong")),
            Row("1", 2.5, {"frame_sizes": (2, 8)}, Outcome("b", "x/trial_1/D", 1.25, 3)),
            Row("2", 2.25, {"frame_sizes": (4, 8)}, None),
        ]
    )
    lines = [[c.strip() for c in line.split("|")[1:-1]] for line in table(found).splitlines()]
    assert lines[2:] == [
        ["1", "2.2500", "4/8", "0", "nan", "-", "-"],
        ["2", "2.5000", "2/8", "3", "1.2", "b", "x/trial_1/D"],
        ["-", "failed", "3/8", "0", "0.0", "a", "it / is wrong"],
    ]


# on one machine


@pytest.fixture(scope="module")
def searched(sounds, tmp_path_factory):
    """Return the logdir of a search of six trials, three of which must fail."""
    logdir = tmp_path_factory.mktemp("logdir")
    flags = ["--frame_sizes", "2/4", "2/6", "--learning_rate", 0.01, 0.001, 1e30]
    assert main(words(sounds, logdir, *flags, "--max_trials", 6, "--clip_norm", 1e30)) == 0
    return logdir


def test_trials_are_ranked_and_failed_ones_have_their_reason(searched):
    found = rows(searched)
    good = [row for row in found if row["rank"] != "-"]
    assert [row["rank"] for row in good] == [str(k + 1) for k in range(len(good))]
    assert {row["learning_rate"] for row in good} == {"0.01", "0.001"}
    bits = [float(row["bits"]) for row in good]
    assert bits == sorted(bits) and bits[0] < 4  # log2(16) is guessing
    reasons = [row["run folder, or why it failed"] for row in found[len(good) :]]
    assert sum('"seq_len" is 32' in reason for reason in reasons) >= 1
    assert sum("the loss is " in reason for reason in reasons) == 1  # nan or inf


def test_each_trial_is_a_run_folder_with_the_bits_of_the_table(searched):
    for row in rows(searched):
        if row["rank"] == "-":
            continue
        run = row["run folder, or why it failed"]
        assert find_model(run).config.seq_len == 32
        assert row["bits"] == f"{min(x['val_bits_per_sample'] for x in epochs(run)):.4f}"
        rate = f"--learning_rate {row['learning_rate']} "
        is_default = row["learning_rate"] == "0.001"
        assert (rate in (Path(run) / "args.txt").read_text()) != is_default


def test_the_best_config_is_written_with_the_command_that_trains_it(searched):
    text = (searched / "x" / "tune.md").read_text()
    (line,) = re.findall(r"^    (samplernn train .*)$", text, re.MULTILINE)
    best = load_config(searched / "x" / "x.config.json")
    assert best.frame_sizes == (2, 4) and rows(searched)[0]["frame_sizes"] == "2/4"
    assert main([*shlex.split(line)[1:], "--max_steps", "1", "--generate", "False"]) == 0
    (run,) = (searched / "x_best").iterdir()
    assert find_model(run).config == best


def test_a_finished_search_is_not_run_again_but_continues_with_more_trials(
    sounds, tmp_path, capsys
):
    flags = ["--dim", 4, 8, 12, 16, "--max_steps", 2]
    assert main(words(sounds, tmp_path, *flags, "--max_trials", 2)) == 0
    first = {trial: outcome.run_folder for trial, outcome in outcomes(tmp_path).items()}
    capsys.readouterr()
    assert main(words(sounds, tmp_path, *flags, "--max_trials", 2)) == 0
    assert "trial" not in capsys.readouterr().out.split("|")[0]
    assert main(words(sounds, tmp_path, *flags, "--max_trials", 3)) == 0
    after = {trial: outcome.run_folder for trial, outcome in outcomes(tmp_path).items()}
    assert len(after) == 3 and first.items() <= after.items()
    assert len({row["dim"] for row in rows(tmp_path)}) == 3


def test_a_search_of_before_a_flag_was_there_is_the_same_search(tmp_path):
    def request(**values):
        space = make_space(CONFIG, Plan(**values), {"dim": [4, 8]})
        role = SimpleNamespace(is_worker=False)
        return SimpleNamespace(folder=tmp_path, tuner="random", data=[], space=space, role=role)

    _keep_settings(request())
    path = tmp_path / "search.json"
    settings = json.loads(path.read_text())
    del settings["plan"]["mono"], settings["plan"]["num_val_batches"]
    path.write_text(json.dumps(settings))
    _keep_settings(request())
    with pytest.raises(RequestError, match="another plan"):
        _keep_settings(request(mono=False))


def test_a_second_process_does_not_search_in_the_same_folder(searched, sounds, capsys):
    with locked(searched / "x" / "search.lock", CheckpointError("busy")):
        assert main(words(sounds, searched, "--dim", 4, 8)) == 1
    assert f"another process searches in {searched / 'x'} (wait for it" in last_line(capsys)


def test_a_search_with_other_settings_is_refused(searched, sounds, capsys):
    assert main(words(sounds, searched, "--dim", 4, 8)) == 1
    assert "a search with another plan and choices (give the same" in last_line(capsys)


def test_stopped_by_ctrl_c_the_same_command_resumes_the_same_trial(sounds, tmp_path):
    flags = ["--dim", 4, 8, "--max_trials", 2, "--num_epochs", 2000, "--max_steps", 20000]
    flags += ["--early_stopping_patience", 2000, "--log_every", 1]
    process = started(sounds, tmp_path, *flags)
    for line in process.stdout:
        if line.startswith("epoch 2,"):
            break
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "stopped; the same command resumes from here" in output
    (run,) = (tmp_path / "x").glob("trial_0*/*.*.*")
    assert outcomes(tmp_path) == {}
    num_steps = len([x for x in read_history(run / HISTORY_NAME) if x["kind"] == "steps"])
    process = started(sounds, tmp_path, *flags)
    for line in process.stdout:
        if line.startswith("epoch "):
            break
        if "resuming at step" in line:
            assert str(run) in line and f"step {num_steps} " in line
            process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def test_a_trial_of_before_a_setting_was_there_is_resumed(searched, sounds, tmp_path, capsys):
    logdir = tmp_path / "logdir"
    shutil.copytree(searched, logdir)
    trial = min(int(trial) for trial, outcome in outcomes(logdir).items() if not outcome.reason)
    (run,) = (logdir / "x").glob(f"trial_{trial}/*.*.*")
    progress, arrays = load_state(run)
    for name in ("cut_softest", "ema_momentum"):
        progress["fixed"].pop(name, None)
    save_state(run, progress, arrays)
    path = run.parent / "trial.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "status": "RUNNING"}))
    flags = ["--frame_sizes", "2/4", "2/6", "--learning_rate", 0.01, 0.001, 1e30]
    assert main(words(sounds, logdir, *flags, "--max_trials", 6, "--clip_norm", 1e30)) == 0
    assert f"resuming at step {progress['position']['step']} of {run}" in capsys.readouterr().err


def test_a_name_in_a_folder_and_a_large_seed_are_searched(sounds, tmp_path):
    flags = ["--dim", 4, 8, "--max_trials", 1, "--max_steps", 2, "--id", "a/b"]
    flags += ["--tuner", "bayesian", "--rng_seed", 5_000_000_000]
    assert main(words(sounds, tmp_path, *flags)) == 0
    text = (tmp_path / "a" / "b" / "tune.md").read_text()
    assert (tmp_path / "a" / "b" / "b.config.json").is_file()
    assert f"--id b_best --logdir_root {tmp_path / 'a'}" in text


def test_hyperband_resumes_the_runs_of_the_best_short_trials(sounds, tmp_path):
    flags = ["--tuner", "hyperband", "--dim", *range(2, 14), "--num_epochs", 3, "--max_trials", 4]
    assert main(words(sounds, tmp_path, *flags)) == 0
    num_promoted = 0
    for path in (tmp_path / "x").glob("trial_*/trial.json"):
        values = json.loads(path.read_text())["hyperparameters"]["values"]
        run = Outcome.read(path.parent).run_folder
        assert [x["epoch"] for x in epochs(run)] == list(range(1, values["tuner/epochs"] + 1))
        if "tuner/trial_id" in values:
            num_promoted += 1
            past = Outcome.read(tmp_path / "x" / f"trial_{values['tuner/trial_id']}").run_folder
            assert past != run and len(epochs(past)) == values["tuner/initial_epoch"] == 1
            assert epochs(run)[:1] == epochs(past)
    assert num_promoted >= 1


def test_the_bayesian_search_tries_nothing_twice(sounds, tmp_path):
    flags = ["--tuner", "bayesian", "--dim", 2, 4, 6, "--skip_conn", True, False]
    flags += ["--max_steps", 2, "--max_trials", 6]
    assert main(words(sounds, tmp_path, *flags)) == 0
    tried = [(row["dim"], row["skip_conn"]) for row in rows(tmp_path)]
    assert len(tried) == len(set(tried)) >= 4


def test_invalid_requests_are_a_one_line_error(sounds, tmp_path, capsys):
    def told(*flags, logdir=tmp_path):
        assert main(words(sounds, logdir, *flags)) == 1
        return last_line(capsys)

    assert told("--tuner", "grid") == ("samplernn: --tuner grid (give random, bayesian, hyperband)")
    assert "--max_trials 0" in told("--max_trials", 0)
    assert "no file or folder" in told("--data_dir", tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "cannot make the folder" in told(logdir=tmp_path / "file")
    assert "no trial succeeded" in told("--frame_sizes", "2/6", "2/12", "--max_trials", 2)
    (tmp_path / "x" / "oracle.json").write_text("{")
    assert "is damaged" in told("--frame_sizes", "2/6", "2/12", "--max_trials", 2)


# over processes


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({}, Role()),
        ({"KERASTUNER_TUNER_ID": "w"}, Role()),
        (("chief", "10.0.0.1", "8000"), Role("chief", "10.0.0.1:8000")),
        (("w1", "10.0.0.1", "8000"), Role("w1", "10.0.0.1:8000")),
    ],
)
def test_the_role_is_that_of_keras_tuners_variables(variables, expected):
    names = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
    role = read_role(dict(variables if isinstance(variables, dict) else zip(names, variables)))
    assert role == expected
    assert role.is_chief == (role.tuner_id == "chief") and role.is_worker == (role.tuner_id == "w1")


@pytest.mark.parametrize(
    "variables, told",
    [
        ({"KERASTUNER_ORACLE_IP": "a"}, "KERASTUNER_TUNER_ID and KERASTUNER_ORACLE_PORT not set"),
        (
            {
                "KERASTUNER_ORACLE_IP": "a",
                "KERASTUNER_TUNER_ID": "w",
                "KERASTUNER_ORACLE_PORT": "http",
            },
            "KERASTUNER_ORACLE_PORT 'http'",
        ),
    ],
)
def test_variables_that_make_no_role_are_refused(variables, told):
    with pytest.raises(RequestError, match=told):
        read_role(variables)


def test_a_chief_and_two_workers_do_every_trial_once_and_end(sounds, tmp_path):
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free_port())}
    flags = ["--learning_rate", 0.01, 0.003, 0.001, 0.0003, "--dim", 4, 8]
    flags += ["--frame_sizes", "2/4", "2/6", "--max_trials", 7, "--num_epochs", 2]
    processes = [
        started(sounds, tmp_path, *flags, KERASTUNER_TUNER_ID=name, **address)
        for name in ("chief", "w1", "w2")
    ]
    try:
        outputs = [process.communicate(timeout=120)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    begun = re.findall(r"^trial (\d+): ", outputs[1] + outputs[2], re.MULTILINE)
    assert sorted(begun) == [str(k) for k in range(7)]
    assert {outcome.worker for outcome in outcomes(tmp_path).values()} == {"w1", "w2"}
    found = rows(tmp_path)
    assert len(found) == 7 and {row["learning_rate"] for row in found} <= {
        "0.01",
        "0.003",
        "0.001",
        "0.0003",
    }
    for row in found:
        assert (row["frame_sizes"] == "2/6") == (row["rank"] == "-")
    assert "trial" not in outputs[0].splitlines()[0] and "table: " in outputs[0]
    assert "Traceback" not in "".join(outputs)


def test_a_chief_that_begins_again_keeps_the_trials_of_its_workers_for_them(tmp_path):
    def begun(role):
        return Search(SearchRequest("x", tmp_path / "x", [], space, "random", 4, role), None).oracle

    space = make_space(CONFIG, Plan(), {"dim": list(range(1, 9))})
    (tmp_path / "x").mkdir()
    before = begun(Role("chief", "127.0.0.1:1"))
    first, second = before.create_trial("w1"), before.create_trial("w2")
    after = begun(Role("chief", "127.0.0.1:1"))
    assert after.create_trial("w3").trial_id not in (first.trial_id, second.trial_id)
    again = after.create_trial("w2")
    assert again.trial_id == second.trial_id
    assert again.hyperparameters.values == second.hyperparameters.values
    alone = begun(Role())  # who has to do what any of them has not
    num_unfinished = len(alone.trials)
    tried = {alone.create_trial(f"t{k}").trial_id for k in range(num_unfinished)}
    assert num_unfinished == 3 and tried == set(alone.trials)


def test_without_a_chief_a_worker_ends_with_one_line(sounds, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "w1")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(free_port()))
    assert main(words(sounds, tmp_path, "--dim", 4, 8, "--chief_timeout", 0.5)) == 1
    assert "no chief at 127.0.0.1:" in last_line(capsys)


def test_a_chief_whose_port_is_taken_ends_with_one_line(sounds, tmp_path, monkeypatch, capfd):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
        monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
        monkeypatch.setenv("KERASTUNER_ORACLE_PORT", str(listener.getsockname()[1]))
        assert main(words(sounds, tmp_path, "--dim", 4, 8)) == 1
    error = capfd.readouterr().err
    assert error.startswith("samplernn: cannot listen at 127.0.0.1:") and error.count("\n") == 1
