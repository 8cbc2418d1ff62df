"""Messages from Pd to Python classes: the method, its arguments, and unknown messages."""

import re

import pytest
from pd_host import PdHost, write_patch
from pyext_host import LOADER_FOLDER, object_lines, open_object, open_pyext

# (methods of the class, message, the call that it leads to)
CASES = [
    ("tag_1 _anything_1 tag_ _anything_", ("tag", 1, "x"), "tag_1(1, Symbol('x'))"),
    ("_anything_1 tag_ _anything_", ("tag", 1), "_anything_1(Symbol('tag'), 1)"),
    ("tag_ _anything_", ("tag", 1), "tag_(1, 1)"),
    ("_anything_", ("tag", 1, "x"), "_anything_(1, Symbol('tag'), 1, Symbol('x'))"),
    ("tag_1", ("tag",), "tag_1()"),
    ("tag_2 tag_", ("tag", 2.5), "tag_(1, 2.5)"),
    ("float_1 int_1", (3,), "float_1(3)"),
    ("int_1 _anything_1", (3,), "int_1(3)"),
    ("int_1 _anything_1", (-2,), "int_1(-2)"),
    ("int_1 _anything_1", (3.5,), "_anything_1(Symbol('float'), 3.5)"),
    ("float_ _anything_", (3,), "float_(1, 3)"),
    ("symbol_1", ("symbol", "word"), "symbol_1(Symbol('word'))"),
    ("bang_1", (), "bang_1()"),
    ("bang_1", ("list",), "bang_1()"),
    ("float_1", ("list", 4), "float_1(4)"),
    ("symbol_1", ("list", "word"), "symbol_1(Symbol('word'))"),
    ("list_1", (1, "b", 2.5), "list_1(1, Symbol('b'), 2.5)"),
    ("_anything_1", ("odd-name.x", 1), "_anything_1(Symbol('odd-name.x'), 1)"),
    ("odd-name.x_1", ("odd-name.x", 1), "odd-name.x_1(1)"),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    lines = []
    for number, (methods, _, _) in enumerate(CASES):
        creation = f"pyext dispatch_classes Methods {methods}"
        lines += object_lines(creation, 2 * number, f"case{number}", num_outlets=0)
    lines.sort(key=lambda line: line.startswith("#X connect"))
    with open_pyext(tmp_path_factory.mktemp("table"), *lines) as pd:
        yield pd


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_message_calls_the_first_method_that_exists(table, number):
    _, message, call = CASES[number]
    table.send(f"case{number}", *message)
    assert table.wait_for(r".+\n").group().rstrip() == call


def test_a_second_python_inlet_has_its_own_methods(tmp_path):
    with open_object(
        tmp_path,
        "pyext dispatch_classes Methods tag_1 tag_2 other_",
        "#X obj 10 90 receive second",
        "#X connect 2 0 1 2",
        num_outlets=0,
    ) as pd:
        pd.send("second", "tag", 7)
        pd.send("second", "other", 8)
        pd.wait_for(r"^tag_2\(7\)$")
        pd.wait_for(r"^other_\(2, 8\)$")


def test_a_message_without_a_method_gives_one_line(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Methods", num_outlets=0) as pd:
        pd.send("in", "tag", 1)
        pd.wait_for(r"^pyext: dispatch_classes\.Methods takes no 'tag' at inlet 1$")
        assert pd.console.count("\n") == 1


@pytest.mark.parametrize(
    "atom, expected",
    [
        (3, ("int", "3")),
        (-0.0, ("int", "0")),
        (16777216, ("int", "16777216")),
        (1e10, ("int", "10000000000")),
        (0.1, ("float", "0.10000000149011612")),
        (1e-20, ("float", "9.999999682655225e-21")),
        ("word", ("Symbol", "Symbol('word')")),
        ("two words", ("Symbol", "Symbol('two words')")),
        ("grün", ("Symbol", "Symbol('grün')")),
    ],
)
def test_numbers_arrive_as_int_or_float32_and_symbols_as_symbol(arguments, atom, expected):
    arguments.send("in", "tag", atom)
    assert arguments.wait_for(r"^tag (.*)$").group(1) == repr([expected])


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    creation = "pyext dispatch_classes Arguments 1 0.5 word"
    folder = tmp_path_factory.mktemp("arguments")
    with open_object(folder, creation, num_outlets=0) as pd:
        yield pd


def test_creation_arguments_arrive_as_in_a_message(tmp_path):
    for form in ("dispatch_classes Arguments", "dispatch_classes.Arguments"):
        with open_object(tmp_path, f"pyext {form} 1 0.5 word @detach 0", num_outlets=0) as pd:
            pd.wait_for(re.escape("created [('int', '1'), ('float', '0.5'), ('Symbol', 'word')]"))


@pytest.fixture
def class_in_package(tmp_path):
    """Return a folder with a package `chapter` whose module `tools` has a class."""
    (tmp_path / "chapter").mkdir()
    (tmp_path / "chapter" / "__init__.py").write_text("")
    (tmp_path / "chapter" / "tools.py").write_text(
        "import pyext\nclass Tool(pyext._class):\n    _inlets = 1\n"
        "    def __init__(self, *args): print('made', *args)\n"
        "    def bang_1(self): print('called')\n"
    )
    return tmp_path


@pytest.mark.parametrize("search_path", [LOADER_FOLDER, LOADER_FOLDER.parent])
@pytest.mark.parametrize(
    "creation",
    ["pyext. chapter.tools Tool", "pyext chapter.tools Tool", "pyext. chapter.tools.Tool"],
)
def test_a_class_in_a_package_is_made_by_both_forms(class_in_package, search_path, creation):
    lines = object_lines(f"{creation} 1 word @detach 1", num_outlets=0)
    patch = write_patch(class_in_package, *lines)
    with PdHost(patch, args=("-path", str(search_path))) as pd:
        pd.wait_for("^made 1 word$")
        pd.send("in")
        pd.wait_for("^called$")
        assert pd.console.count("\n") == 2
        assert pd.quit() == 0


def test_the_form_for_packages_is_there_where_pd_has_loaded_the_loader(class_in_package):
    patch = write_patch(
        class_in_package,
        "#X obj 10 10 pyext chapter.tools Tool first",
        "#X obj 10 40 pyext. chapter.tools Tool second",
    )
    with PdHost(patch, args=("-lib", str(LOADER_FOLDER / "pyext"))) as pd:
        pd.wait_for("^made first$")
        pd.wait_for("^made second$")


def test_what_the_form_for_packages_cannot_make_is_one_clear_line(class_in_package):
    lines = ["#X obj 10 10 pyext. chapter.tools Missing", "#X obj 10 40 pyext. chapter.no Tool"]
    patch = write_patch(class_in_package, *lines)
    args = ("-path", str(LOADER_FOLDER))
    with PdHost(patch, args=args, may_fail_to_create=True) as pd:
        pd.wait_for(r"pyext: chapter\.tools\.Missing not created: AttributeError: .*'Missing'")
        pd.wait_for(r"pyext: chapter\.no\.Tool not created: .*No module named 'chapter\.no'")


def test_a_symbol_is_equal_to_its_like_and_no_str(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Symbols", num_outlets=0) as pd:
        pd.send("in", "symbol", "word")
        pd.wait_for("^same True True False$")
        pd.wait_for("^str False False$")
        pd.wait_for(r"^key found Symbol\('word'\)$")


def test_an_exception_is_printed_and_pd_lives(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Raises", num_outlets=0) as pd:
        for selector, last_line in (
            ("wrong", "RuntimeError: a defect"),
            ("leave", "SystemExit: 3"),
        ):
            pd.send("in", selector)
            pd.wait_for("^Traceback")
            pd.wait_for(f"{selector}_1")
            pd.wait_for(f"^{last_line}$")
        pd.send("in", "alive")
        pd.wait_for("^still alive$")


@pytest.mark.parametrize(
    "creation, line",
    [
        (
            "dispatch_classes Broken",
            r"dispatch_classes\.Broken not created: "
            r"ValueError: the reason 100%s",
        ),
        ("dispatch_classes EarlySender", "EarlySender not created: ValueError: _outlet: no "),
        ("dispatch_classes WrongCount", r"not created: ValueError: _inlets is -3"),
        ("dispatch_classes NotPd", "does not derive from pyext._class"),
        ("dispatch_classes Missing", "has no attribute 'Missing'"),
        ("dispatch_classes.Missing", "has no attribute 'Missing'"),
        ("dispatch_classes.Missing word", "Missing not created: .*has no attribute 'Missing'"),
        ("dispatch_classes.NotPd word", "does not derive from pyext._class"),
        ("no_such_module.Class word", "No module named 'no_such_module'"),
        ("no_such_module Class", "No module named 'no_such_module'"),
        ("dispatch_classes", r"no class \(write \[pyext module Class\]\)"),
        ("", r"no class \(write \[pyext module Class\]\)"),
    ],
)
def test_what_cannot_be_made_leaves_no_object_and_one_clear_line(tmp_path, creation, line):
    with open_pyext(tmp_path, f"#X obj 10 10 pyext {creation}", may_fail_to_create=True) as pd:
        found = pd.wait_for(rf"^.*pyext: .*{line}.*$").group()
        assert found.count("pyext: ") == 1
        pd.wait_for("couldn't create")
        assert pd.quit() == 0


def test_a_class_without_inlets_and_outlets_can_be_made(tmp_path):
    with open_pyext(tmp_path, "#X obj 10 10 pyext dispatch_classes Bare") as pd:
        assert pd.console == ""


def test_text_on_the_console_is_no_format(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Printer", num_outlets=0) as pd:
        pd.send("in")
        pd.wait_for("\\A100% %s %n %d\nab\nc 1 2\nerror line\nbegun\né+\né+\né+\n")
        assert pd.console.count("é") == 1200


def test_a_class_can_ask_for_the_sample_rate_of_pd(tmp_path):
    with open_object(
        tmp_path, "pyext dispatch_classes Environment", num_outlets=0, args=("-r", "32000")
    ) as pd:
        pd.send("in", "rate")
        pd.wait_for(r"^rate 32000\.0$")


def test_python_in_pd_starts_the_same_whatever_the_user_has_set(tmp_path, monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, str(tmp_path / "nonsense"))
    with open_object(tmp_path, "pyext dispatch_classes Environment", num_outlets=0) as pd:
        pd.wait_for(f"^init 0 0 '{re.escape(str(tmp_path))}'$")
        pd.send("in")
        pd.wait_for(r"^argv \['pd'\] safe True$")
        pd.wait_for("version True$")
        for module in ("json", "ctypes", "ssl", "subprocess", "multiprocessing"):
            pd.send("in", "import", module)
            pd.wait_for(f"^imported {module}$")
        pd.send("in", "path")
        pd.sync()
        assert "nonsense" not in pd.console


def test_modules_beside_the_patch_and_on_declared_paths_are_found(tmp_path):
    declared = tmp_path / "declared"
    declared.mkdir()
    (tmp_path / "beside.py").write_text("import in_declared")
    (declared / "in_declared.py").write_text("")
    with open_object(
        tmp_path,
        "pyext dispatch_classes Environment",
        "#X obj 10 90 declare -path declared",
        num_outlets=0,
    ) as pd:
        pd.send("in", "import", "beside")
        pd.wait_for("No module named 'in_declared'")
    lines = [
        "#X declare -path declared",
        "#X obj 10 10 receive in",
        "#X obj 10 40 pyext dispatch_classes Environment",
        "#X obj 10 70 declare -path declared",
        "#X connect 0 0 1 1",
    ]
    with open_pyext(tmp_path, *lines) as pd:
        pd.send("in", "import", "beside")
        pd.wait_for("^imported beside$")


CONTROL = ("#X obj 10 90 receive control", "#X connect 2 0 1 0")


def test_the_first_inlet_explains_itself(tmp_path):
    with open_object(tmp_path, "pyext dispatch_classes Bare", *CONTROL, num_outlets=0) as pd:
        pd.send("control", "help")
        pd.wait_for(r"^pyext: dispatch_classes\.Bare: 0 inlets, 0 outlets, detach 0")
        pd.send("control", "nonsense", 1)
        pd.wait_for("pyext: no 'nonsense' at the first inlet")
        pd.send("control", "detach", 5)
        pd.wait_for("pyext: detach 5 ")


def test_the_help_patch_opens_without_a_word():
    with PdHost(LOADER_FOLDER / "pyext-help.pd") as pd:
        assert pd.console == ""


def test_the_example_class_does_what_the_help_says(tmp_path):
    creation = "pyext pyext_example Example 10"
    with open_object(tmp_path, creation, num_outlets=2) as pd:
        pd.send("in", 7)
        pd.wait_for("^out: 17$")
        pd.send("in", "reset")
        pd.wait_for("^out: sum 0$")
        pd.send("in", "anything", "else", 1)
        pd.wait_for("^out2: list anything 2 1$")


def write_class(folder, body):
    (folder / "changing.py").write_text(
        "import pyext\nclass Changing(pyext._class):\n    _inlets = 1\n" + body
    )


def test_reload_takes_the_changed_class_and_ends_the_old_instance(tmp_path):
    write_class(
        tmp_path, "    def bang_1(self): print('old')\n    def _del(self): print('old deleted')\n"
    )
    with open_object(tmp_path, "pyext changing Changing", *CONTROL, num_outlets=0) as pd:
        pd.send("in")
        pd.wait_for("^old$")
        write_class(
            tmp_path,
            "    def __init__(self, *args): print('new made', args)\n"
            "    def bang_1(self): print('new called')\n",
        )
        pd.send("control", "reload", 1, 2)
        pd.wait_for("^old deleted$")
        pd.wait_for(r"^new made \(1, 2\)$")
        pd.send("in")
        pd.wait_for("^new called$")
        pd.send("control", "reload.")
        pd.wait_for(r"^new made \(1, 2\)$")


def test_a_module_that_cannot_be_reloaded_leaves_the_old_instance(tmp_path):
    write_class(tmp_path, "    def bang_1(self): print('old')\n")
    with open_object(tmp_path, "pyext changing Changing", *CONTROL, num_outlets=0) as pd:
        (tmp_path / "changing.py").write_text("this is no Python, and longer than before\n" * 9)
        pd.send("control", "reload")
        pd.wait_for(r"pyext: changing\.Changing not reloaded: SyntaxError")
        pd.send("in")
        pd.wait_for("^old$")


def test_an_instance_that_cannot_be_remade_waits_for_the_next_reload(tmp_path):
    write_class(tmp_path, "    def bang_1(self): print('old')\n")
    with open_object(tmp_path, "pyext changing Changing", *CONTROL, num_outlets=0) as pd:
        write_class(tmp_path, "    def __init__(self): raise ValueError('not now, please')\n")
        pd.send("control", "reload")
        pd.wait_for("not reloaded: ValueError: not now, please")
        pd.send("in")
        pd.wait_for(r"pyext: changing\.Changing is not loaded")
        write_class(tmp_path, "    def bang_1(self): print('new again and again')\n")
        pd.send("control", "reload")
        pd.send("in")
        pd.wait_for("^new again and again$")
