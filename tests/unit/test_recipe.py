"""Recipes without a training: their files, their time, their progress, and their flags."""

import json

import pytest

from sopilib.commands.main import _parser
from sopilib.commands.recipe_request import as_request, check_arguments, training_name
from sopilib.errors import CheckpointError, ConfigError, RequestError
from sopilib.installation.paths import presets_folder
from sopilib.model.config import ModelConfig
from sopilib.training.pace import Pace
from sopilib.training.plan import Plan, flags_of
from sopilib.training.position import Position
from sopilib.training.recipe import SUFFIX, read_recipe
from sopilib.training.recipe_progress import (
    FILE_NAME,
    RecipeProgress,
    Result,
    StageProgress,
    check_pre_emphasis,
    check_stages,
    load_progress,
)
from sopilib.training.speed import usual_step_s
from sopilib.training.time_budget import (
    TimeBudget,
    at_least_hours,
    stage_seconds,
    time_text,
)

RECIPE = {
    "settings": {"batch_size": 4, "learning_rate": 0.02, "max_checkpoints": None},
    "stages": [
        {"name": "noisy", "share": 0.75, "settings": {"input_noise": 0.2, "batch_size": 8}},
        {"name": "clean", "share": 0.25, "learning_rate_factor": 0.5},
    ],
}


def written(tmp_path, values):
    path = tmp_path / f"tiny{SUFFIX}"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def test_a_stage_has_the_settings_of_the_recipe_its_own_and_above_all_those_of_flags(tmp_path):
    recipe = read_recipe(written(tmp_path, RECIPE))
    noisy, clean = recipe.stages
    plan = recipe.plan(noisy, {})
    assert (plan.batch_size, plan.input_noise, plan.learning_rate) == (8, 0.2, 0.02)
    assert plan.max_checkpoints is None and plan.clip_norm == Plan().clip_norm
    plan = recipe.plan(clean, {})
    assert (plan.batch_size, plan.input_noise, plan.learning_rate) == (4, None, 0.01)
    plan = recipe.plan(noisy, {"batch_size": 2, "learning_rate": 0.1, "clip_norm": 1.0})
    assert (plan.batch_size, plan.learning_rate, plan.clip_norm) == (2, 0.1, 1.0)
    assert recipe.plan(noisy, {"input_noise": 0.0}).input_noise == 0.0
    # a flag sets the rate of the whole training, and a stage keeps its part of it
    assert recipe.plan(clean, {"learning_rate": 0.1}).learning_rate == 0.05


def test_every_preset_has_a_recipe_of_three_stages():
    for path in presets_folder().glob("*.config.json"):
        name = path.name.removesuffix(".config.json")
        recipe = read_recipe(presets_folder() / f"{name}{SUFFIX}")
        plans = [recipe.plan(stage, {}) for stage in recipe.stages]
        assert [plan.input_noise for plan in plans] == [0.15, None, 0.05]
        assert sum(stage.share for stage in recipe.stages) == pytest.approx(1)
        assert plans[0].learning_rate > plans[1].learning_rate > plans[2].learning_rate


@pytest.mark.parametrize(
    "change, told",
    [
        ({"stages": []}, "no stages"),
        ({"stages": [{"name": "a", "share": 0}]}, "the share 0 of a"),
        ({"stages": [{"name": "a", "share": 1}, {"name": "a", "share": 1}]}, "of one name"),
        ({"stages": [{"name": "a"}]}, 'no "share" (add it)'),
        ({"stages": [{"name": "a", "share": 1, "seq_len": 0}]}, "seq_len 0 of a (give"),
        (
            {"stages": [{"name": "a", "share": 1, "seq_len": "x"}]},
            '"seq_len" is "x" (give a whole number or null)',
        ),
        ({"stages": [7]}, "7 (give a JSON object)"),
        ({"settings": {"batch_size": 0}}, "--batch_size 0 (give 1 or more)"),
        ({"stages": [{"name": "a", "share": float("inf")}]}, '"share" is Infinity (give a number)'),
        ({"settings": {"batch_size": "x"}}, '"batch_size" is "x" (give a whole number)'),
        ({"settings": {"batch_size": 64.5}}, '"batch_size" is 64.5 (give a whole number)'),
        ({"settings": {"batch_size": True}}, '"batch_size" is true (give a whole number)'),
        ({"settings": {"mono": "no"}}, '"mono" is "no" (give true or false)'),
        ({"settings": {"mixed_precision": "False"}}, '"mixed_precision" is "False" (give true'),
        ({"settings": {"clip_norm": float("inf")}}, '"clip_norm" is Infinity (give a number)'),
        (
            {"settings": {"max_checkpoints": 1.5}},
            '"max_checkpoints" is 1.5 (give a whole number or',
        ),
        ({"settings": [1]}, '"settings" is [1] (give a JSON object)'),
        ({"checkpoints": 2.5}, '"checkpoints" is 2.5 (give a whole number)'),
        ({"settings": {"warmth": 1}}, "no setting 'warmth' (there are batch_size"),
        ({"settings": {"num_epochs": 3}}, "'num_epochs' in settings (leave it out"),
        ({"checkpoints": 0}, "checkpoints 0"),
        ({"pre_emphasis": 1}, "pre_emphasis 1 (give 0 to below 1)"),
        ({"pre_emphasis": "x"}, '"pre_emphasis" is "x" (give a number or null)'),
        ({"steps": 5}, "no setting 'steps' (there are checkpoints"),
        ({"finish": {"share": 1}}, "the share 1 of finish"),
        ({"finish": {"temperatures": [-1]}}, "temperature -1 of finish"),
        ({"finish": {"temperatures": [0]}}, "temperature 0 of finish (give 0.1 to 10)"),
        ({"finish": {"temperatures": []}}, "no temperatures"),
        ({"finish": {"temperatures": ["1"]}}, '"temperatures" is "1" (give a number)'),
        ({"finish": {"dur": float("nan")}}, '"dur" is NaN (give a number)'),
    ],
)
def test_a_bad_recipe_is_a_one_line_error_with_its_path(change, told, tmp_path):
    path = written(tmp_path, {**RECIPE, **change})
    with pytest.raises(ConfigError) as refusal:
        read_recipe(path)
    text = str(refusal.value)
    assert text.startswith(f"{path}: ") and told in text and "\n" not in text


def test_a_recipe_that_is_missing_or_no_json_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="the preset none has no training settings"):
        read_recipe(tmp_path / f"none{SUFFIX}")
    with pytest.raises(ConfigError, match="is not JSON"):
        read_recipe(written(tmp_path, "{"))


def test_the_flags_of_a_plan_give_the_same_plan():
    plan = Plan(batch_size=7, mono=False, epsilon=1e-8, mixed_precision=True, max_checkpoints=None)
    args = _parser("train").parse_args(["train", "--data_dir", "x", *flags_of(plan)])
    for name in ("batch_size", "mono", "epsilon", "mixed_precision", "max_checkpoints"):
        assert getattr(args, name) == getattr(plan, name)
    assert flags_of(Plan()) == []
    assert flags_of(Plan(batch_size=7, max_steps=3), ["max_steps"]) == ["--batch_size", "7"]


def parsed(*words):
    args = _parser("train").parse_args(["train", "--data_dir", "my sounds", *words])
    return args


def test_only_settings_on_the_command_line_replace_those_of_a_recipe():
    # 64 is the default of --batch_size, which counts all the same when it is given
    args = parsed("--hours", "1", "--preset", "p", "--batch_size", "64", "--no-mono", "--id", "a")
    check_arguments(args)
    request = as_request(args, ModelConfig(), "p.config.json", None)
    assert request.flags == {"batch_size": 64, "mono": False}
    assert request.total_s == 3600 and request.logdir.name == "a"
    assert as_request(parsed("--hours", "1"), ModelConfig(), "p", None).flags == {}


def test_without_an_id_a_training_has_the_name_of_its_recordings(tmp_path):
    assert training_name(parsed()) == "my_sounds"
    assert training_name(parsed("--id", "default")) == "default"
    args = parsed()
    args.data_dir = [tmp_path / "two.parts"]
    args.data_dir[0].mkdir()
    assert training_name(args) == "two.parts"


@pytest.mark.parametrize(
    "words, told",
    [
        (["--hours", "nan"], "--hours nan (give hours above 0, at most 8760)"),
        (["--hours", "inf"], "--hours inf (give hours above 0, at most 8760)"),
        (["--hours", "0"], "--hours 0 (give hours above 0, at most 8760)"),
        (["--hours=-1"], "--hours -1 (give hours above 0, at most 8760)"),
        (["--hours", "1e308"], "--hours 1e308 (give hours above 0, at most 8760)"),
        (["--hours", "1", "--max_steps", "5"], "--hours and --max_steps together"),
        (["--hours", "1", "--num_epochs", "100"], "--hours and --num_epochs together"),
        (["--hours", "1", "--max_minutes", "5"], "--hours and --max_minutes together"),
        (["--hours", "1", "--resume_from", "x"], "--hours and --resume_from together"),
    ],
)
def test_hours_out_of_range_and_flags_that_contradict_them_are_refused(words, told):
    with pytest.raises(RequestError) as refusal:
        check_arguments(parsed("--preset", "live-small", *words))
    assert str(refusal.value).startswith(told)


def test_hours_without_a_preset_are_refused():
    with pytest.raises(RequestError, match="--hours without --preset"):
        check_arguments(parsed("--hours", "1", "--config_file", "x.config.json"))


def test_durations_read_well():
    times = [-3, 4.04, 12.4, 89, 91, 3540, 3600, 7800]
    texts = ["0.0 s", "4.0 s", "12 s", "89 s", "2 min", "59 min", "1 h", "2 h 10 min"]
    assert [time_text(seconds) for seconds in times] == texts
    # at least as long, with two digits
    assert [at_least_hours(s) for s in (36, 37, 4000, 36000)] == ["0.01", "0.011", "1.2", "10"]
    assert [at_least_hours(s) for s in (0.1, 125 * 3600, 8000 * 3600)] == [
        "0.000028",
        "130",
        "8000",
    ]


def test_stages_share_the_time_and_a_stage_that_took_too_long_takes_from_all_later_ones():
    assert stage_seconds(100, [0.6, 0.25, 0.15], [0, 0, 0]) == pytest.approx(60)
    assert stage_seconds(40, [0.25, 0.15], [0, 0]) == pytest.approx(25)
    assert stage_seconds(32, [0.25, 0.15], [0, 0]) == pytest.approx(20)
    # resumed after 30 s of 60
    assert stage_seconds(70, [0.6, 0.25, 0.15], [30, 0, 0]) == pytest.approx(30)
    assert stage_seconds(-5, [0.6, 0.4], [70, 0]) == 0
    assert stage_seconds(0, [1], [0]) == 0


class Clock:
    """Seconds that the test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_budget_counts_what_earlier_runs_used():
    clock = Clock()
    budget = TimeBudget(100, 30, clock, clock())
    clock.now += 20
    assert (budget.used_s, budget.left_s) == (50, 50)


class SteppedTraining:
    """A training that only counts steps, each as long as `step_s` says at its time."""

    steps_per_epoch = 50
    validation_s = 2.0

    def __init__(self, clock, step_s, num_before=0):
        self.plan, self._clock, self._step_s = Plan(), clock, step_s
        self.position = Position(step=num_before, first_step=num_before)
        self.rates = []

    def replan(self, plan):
        self.plan = plan

    def run(self, pace):
        """Run until the steps that are planned are taken."""
        position = self.position
        while position.step < self.plan.max_steps:
            rate = self.plan.learning_rate_at(position.step, 50, position.first_step)
            self.rates.append(rate)
            self._clock.now += self._step_s(self._clock.now - 1000)
            position.step += 1
            pace.step(position, None)
            if position.step % 50 == 0:
                self._clock.now += self.validation_s
                pace.epoch(position, None)
                pace.checkpoint(position, 1)
        self._clock.now += self.validation_s


@pytest.mark.parametrize("num_before", [0, 700])
@pytest.mark.parametrize(
    "step_s",
    [lambda t: 0.2, lambda t: 0.8, lambda t: 0.1 if t < 300 else 0.4, lambda t: 0.4 - t / 2000],
    ids=["as measured", "slower than measured", "slower later", "ever faster"],
)
def test_a_stage_ends_in_time_with_its_learning_rate_at_0_however_fast_it_is(step_s, num_before):
    clock = Clock()
    training = SteppedTraining(clock, step_s, num_before)
    training.plan = Plan(lr_schedule="cosine", learning_rate=0.01)
    end, saved = clock.now + 600, []
    pace = Pace(
        training,
        lambda: end - clock.now,
        0.2,
        SteppedTraining.validation_s,
        clock,
        on_plan=lambda: saved.append(clock.now),
    )
    training.run(pace)
    assert end - 3 < clock.now < end + 3
    assert training.rates[0] > 0.0099 and training.rates[-1] < 0.0001
    largest_rise = max(b - a for a, b in zip(training.rates, training.rates[1:]))
    assert largest_rise < 0.002
    gaps = [b - a for a, b in zip(saved, saved[1:])]
    assert max(gaps) < 25


def test_a_stage_without_time_takes_one_step():
    clock = Clock()
    training = SteppedTraining(clock, lambda t: 1.0, 10)
    training.run(Pace(training, lambda: -7.0, 0.2, 1.0, clock))
    assert training.position.step == 11


def test_progress_is_the_same_when_it_is_read_again(tmp_path):
    stages = [StageProgress("noisy", 61.5, "RUN", "RUN/model.ckpt-3"), StageProgress("clean")]
    progress = RecipeProgress("p", ["/a", "/b"], stages, 70.25, Result("bells", "RUN/c", 0.9))
    assert load_progress(tmp_path / "new", "p", ["/a", "/b"]) is None
    progress.save(tmp_path / "new")
    assert load_progress(tmp_path / "new", "p", ["/a", "/b"]) == progress
    assert progress.stages[0].is_done and not progress.stages[1].is_done


def test_progress_of_another_training_is_refused(tmp_path):
    RecipeProgress("p", ["/a"], [StageProgress("noisy")]).save(tmp_path)
    with pytest.raises(RequestError, match=r"with --preset p, not q \(give another --id"):
        load_progress(tmp_path, "q", ["/a"])
    with pytest.raises(RequestError, match="with --data_dir /a, not /b"):
        load_progress(tmp_path, "p", ["/b"])
    progress = load_progress(tmp_path, "p", ["/a"])
    with pytest.raises(RequestError, match="in the stages noisy, not noisy, clean"):
        check_stages(progress, ["noisy", "clean"], tmp_path)


def test_a_training_keeps_the_pre_emphasis_that_it_began_with(tmp_path):
    RecipeProgress("p", ["/a"], [StageProgress("noisy")], pre_emphasis=0.85).save(tmp_path)
    progress = load_progress(tmp_path, "p", ["/a"])
    check_pre_emphasis(progress, None, tmp_path)
    check_pre_emphasis(progress, 0.85, tmp_path)
    with pytest.raises(RequestError, match=r"--pre_emphasis 0.85, not 0 \(give another --id"):
        check_pre_emphasis(progress, 0.0, tmp_path)


_STAGE = {"name": "noisy", "seconds": 1.5}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"stages": [{"run": 1}]}', "\xff\xfe", "[" * 100_000),
        json.dumps({"preset": "p", "data": 5, "stages": [_STAGE], "result": None}),
        json.dumps(
            {"preset": "p", "data": ["/a"], "stages": [{**_STAGE, "seconds": "x"}], "result": None}
        ),
        json.dumps({"preset": "p", "data": ["/a"], "stages": [_STAGE], "result": {"folder": "b"}}),
    ],
)
def test_damaged_progress_is_a_one_line_error(text, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError) as refusal:
        load_progress(tmp_path, "p", ["/a"])
    assert "is damaged" in str(refusal.value) and "\n" not in str(refusal.value)


def test_progress_that_cannot_be_written_is_a_one_line_error(tmp_path):
    (tmp_path / "file").write_text("")
    progress = RecipeProgress("p", ["/a"], [])
    with pytest.raises(CheckpointError, match="cannot make the folder"):
        progress.save(tmp_path / "file" / "in it")


@pytest.mark.parametrize("part", [0.1, 1.0])
def test_warm_up_takes_only_its_part_of_a_stage(part):
    clock = Clock()
    training = SteppedTraining(clock, lambda t: 0.8)
    training.plan = Plan(warmup_steps=1000)
    end = clock.now + 600
    training.run(Pace(training, lambda: end - clock.now, 0.2, 2.0, clock, part))
    assert 700 < training.position.step < 800
    num_steps = training.position.step
    assert training.plan.warmup_steps == min(1000, int(part * num_steps))


def test_a_stage_whose_time_is_over_after_an_epoch_takes_no_further_step():
    clock = Clock()
    training = SteppedTraining(clock, lambda t: 1.0)
    end = clock.now + 53.5  # an epoch of 50 s, its validation of 2 s, and no other validation
    training.run(Pace(training, lambda: end - clock.now, 0.5, 2.0, clock))
    assert training.position.step == 50
    assert (training.plan.max_steps, training.plan.num_epochs) == (50, 1)


def test_a_step_that_waits_for_the_processor_does_not_make_the_machine_slow():
    assert usual_step_s([0.0, 0.5, 1.0, 91.0, 91.5, 92.25]) == 0.5
    assert usual_step_s([7.0, 7.0]) > 0
