"""The list of models on the page in a real Pd without its window."""

import pytest
from exported_model import write_exported
from patch_in_pd import LOAD_LIMIT_S, PatchInPd
from pd_host import write_patch
from places import PROJECT

from sopilib.installation.models import find_models, model_places

NAMES = ("harp", "oud", "rebab", "santur", "tambura", "tambura_with_a_long_name", "zither")
DARK, PALE = "color #2c7a4b", "color #b9dfc0"


@pytest.fixture(scope="module")
def pd(tmp_path_factory):
    """Yield a Pd with the page, and seven small models in the user's folder."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        for name in NAMES:
            card = f"# {name}: a test\n\nPlucked [strings](x.md).\n"
            write_exported(folder / "data" / "samplernn" / "models" / name, card)
        write_exported(folder / "beside")
        extra = write_exported(folder / "extra" / "lute").parent
        write_patch(
            folder,
            r"#X obj 20 20 receive press-\$2",
            r"#X obj 20 60 send \$1",
            "#X connect 0 0 1 0",
            name="finger.pd",
        )
        with PatchInPd(folder, loader=("-path", str(extra))) as pd:
            places = model_places([folder, PROJECT / "pd"], [extra])
            pd.names = [model.name for model in find_models(places)]
            pd.status(f"models {len(pd.names)}")  # the page asks when it opens
            for number in range(1, 7):
                pd.probe(f"slot-{number}-show")
            for name in ("slot-1", "slot-2", "slot-6", "more", "card", "card-next", "card-load"):
                pd.send("pd-samplernn.pd", "obj", 20, 930, "finger", f"$0-{name}", name)
            for name in ("card-name", "card-line-1", "card-line-2", "card-line-20"):
                pd.probe(name)
            yield pd


def shown(pd, name):
    """Return the messages that `$0-NAME` has received."""
    pd.sync()
    lines = [line for line in pd.console.splitlines() if line.startswith(f"{name}: ")]
    return [line.removeprefix(f"{name}: ") for line in lines]


def on_page(pd):
    """Return what the six places show: a name, or None for a hidden place."""
    places = []
    for number in range(1, 7):
        said = shown(pd, f"slot-{number}-show")
        position = next(line for line in reversed(said) if line.startswith("pos"))
        label = next((line for line in reversed(said) if line.startswith("label")), "")
        places.append(None if position.endswith(" 113") else label.removeprefix("label "))
    return places


def cut(names):
    return [name[:12] for name in names]


def ask(pd):
    pd.message("models")
    pd.status(f"models {len(pd.names)}")


def test_the_models_are_told_with_rate_and_kind(pd):
    assert pd.names[-2:] == ["beside", "lute"]
    pd.message("models")
    pd.status("model preludes 16000 bundled")
    pd.status("model harp 16000 installed")
    pd.status("model beside 16000 patch")
    pd.status("model lute 16000 path")
    pd.status(f"models {len(pd.names)}")


def test_more_goes_through_all_models_six_at_a_time_and_begins_anew(pd):
    ask(pd)
    for start in range(0, len(pd.names), 6):
        part = cut(pd.names[start : start + 6])
        assert on_page(pd) == part + [None] * (6 - len(part))
        pd.send("press-more")
    pd.status(f"models {len(pd.names)}")
    assert on_page(pd) == cut(pd.names[:6])


def test_a_click_loads_a_model_and_marks_it(pd):
    ask(pd)
    place = pd.names.index("harp")
    for _ in range(place // 6):
        pd.send("press-more")
    number = place % 6 + 1
    pd.send("pd-samplernn.pd", "obj", 20, 930, "finger", f"$0-slot-{number}", "harp")
    pd.send("press-harp")
    pd.status("loaded harp 16000 1", LOAD_LIMIT_S)
    assert shown(pd, f"slot-{number}-show")[-1].startswith(DARK)
    assert shown(pd, f"slot-{number % 6 + 1}-show")[-1].startswith(PALE)
    pd.send("press-card")
    pd.wait_for(r"^card-line-1: label harp:\\ a\\ test$")
    pd.wait_for(r"^card-line-2: label Plucked\\ strings\.$")
    assert shown(pd, "card-name")[-1] == "label harp"
    assert shown(pd, "card-line-20")[-1] == "label empty"
    pd.message("unload")
    pd.status("worker off")
    assert shown(pd, f"slot-{number}-show")[-1].startswith(PALE)


def test_an_empty_place_loads_nothing(pd):
    assert len(pd.names) % 6  # else every place is full
    pd.probe("message")
    while on_page(pd)[-1] is not None:
        pd.send("press-more")
        pd.sync()
    pd.send("press-slot-6")
    assert not [line for line in shown(pd, "message") if line.startswith("load")]


def test_the_card_window_goes_on_to_the_next_model_and_loads_it(pd):
    ask(pd)
    pd.send("press-card-next")
    pd.wait_for(f"^card-name: label {pd.names[1]}$")
    pd.send("press-card-next")
    pd.wait_for(f"^card-name: label {pd.names[2]}$")


def test_the_beginning_of_a_name_loads_a_model_beside_the_patch(pd):
    pd.message("load bes precision int8")
    pd.status("loaded beside 16000 1", LOAD_LIMIT_S)
    pd.message("load tamb precision int8")
    pd.status("error .tamb. is the beginning of several models: .*tambura.*tambura_with.*")
    pd.message("unload")
    pd.status("worker off")


def test_no_error_is_left_on_the_console(pd):
    pd.sync()
    lines = [line for line in pd.console.splitlines() if line.startswith("error")]
    assert lines == []
