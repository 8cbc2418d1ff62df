"""The patches in pd/ open in a real Pd, and their layout is readable."""

import re

import pd_host
import pd_layout
import pytest
from places import PROJECT

from sopilib import __version__

PD_FOLDER = PROJECT / "pd"
PATCHES = sorted([*PD_FOLDER.glob("*.pd"), *PD_FOLDER.glob("examples/*.pd")])
PD_GLOBAL_NAMES = {"pd", "pd-dsp-started", "pd-dsp-stopped", "samplernn-where"}
SCROLLBAR = 15  # pixels of it, with its border
OF_A_NAME = ("$0-", "pd-$0-", "$1-")  # local names, and those of a named [samplernn~]
SHARED_NAMES = {"demo": {"demo-file"}, "10-course-patch": {"sound1", "sound2"}}
NAME_POSITIONS = {  # which word of an object box is a name that all of Pd shares
    "s": (1,),
    "what-it-says": (1,),  # of the examples
    "send": (1,),
    "r": (1,),
    "receive": (1,),
    "v": (1,),
    "value": (1,),
    "tabread4~": (1,),
    "tabplay~": (1,),
    "tabwrite~": (1,),
    "table": (1,),
    "array": (2,),
    "namecanvas": (1,),
    "throw~": (1,),
    "catch~": (1,),
    "s~": (1,),
    "r~": (1,),
    "cnv": (4, 5),
    "bng": (5, 6),
    "tgl": (3, 4),
    "nbx": (7, 8),
    "hsl": (7, 8),
    "vsl": (7, 8),
    "vu": (3,),
}
CANVASES = [
    pytest.param(canvas, id=f"{path.stem}/{canvas.name}/{number}")
    for path in PATCHES
    for number, canvas in enumerate(pd_layout.read_canvases(path))
    if canvas.boxes
]


def _named(box):
    return " ".join([box.kind, *box.words])[:60]


def _obstacles(canvas):
    """Return every rectangle that nothing else may overlap, with its owner."""
    for box in canvas.boxes:
        if not box.is_panel:
            yield box.rect, box
        if box.label:
            yield box.label, box


def _side(a, b, point):
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def _cross(first, second):
    """Return whether two lines cross inside; a common end does not count."""
    (a, b), (c, d) = first, second
    return (_side(a, b, c) * _side(a, b, d) < 0) and (_side(c, d, a) * _side(c, d, b) < 0)


def _passes_over(line, rect):
    left, right = rect.left + 2, rect.right - 2
    top, bottom = rect.top + 2, rect.bottom - 2
    edges = [((left, top), (right, bottom)), ((left, bottom), (right, top))]
    return any(_cross(line, edge) for edge in edges)


def test_there_are_patches_to_check():
    assert {
        "samplernn",
        "samplernn-help",
        "samplernn~",
        "samplernn~-help",
        "samplernn-meta",
        "demo",
    } <= {path.stem for path in PATCHES}


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_patch_opens_in_a_real_pd_without_an_error(path):
    with pd_host.PdHost(path) as pd:
        pd.sync()
        assert "error" not in pd.console


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_font_size_is_12(canvas):
    assert canvas.font_size == 12


@pytest.mark.parametrize("canvas", CANVASES)
def test_no_two_boxes_or_labels_overlap(canvas):
    obstacles = list(_obstacles(canvas))
    overlapping = [
        (_named(a), _named(b))
        for number, (first, a) in enumerate(obstacles)
        for second, b in obstacles[number + 1 :]
        if a is not b and first.overlaps(second)
    ]
    assert overlapping == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_everything_lies_within_the_window(canvas):
    window = pd_layout.Rect(0, 0, canvas.width, canvas.height)
    outside = [_named(box) for rect, box in _obstacles(canvas) if not window.contains(rect)]
    assert outside == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_everything_on_a_panel_lies_within_it(canvas):
    panels = [box.rect for box in canvas.boxes if box.is_panel]
    sticking_out = [
        _named(box)
        for rect, box in _obstacles(canvas)
        if not box.is_panel
        and any(panel.overlaps(rect) for panel in panels)
        and not any(panel.contains(rect) for panel in panels)
    ]
    assert sticking_out == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_no_cords_cross(canvas):
    cords = [(cord, canvas.line(cord)) for cord in canvas.cords]
    crossing = [
        (_named(canvas.boxes[a.source]), _named(canvas.boxes[b.source]))
        for number, (a, first) in enumerate(cords)
        for b, second in cords[number + 1 :]
        if _cross(first, second)
    ]
    assert crossing == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_no_cord_passes_over_a_box_or_a_label(canvas):
    covering = [
        (_named(canvas.boxes[cord.source]), _named(box))
        for cord in canvas.cords
        for rect, box in _obstacles(canvas)
        if box is not canvas.boxes[cord.source]
        and box is not canvas.boxes[cord.sink]
        and _passes_over(canvas.line(cord), rect)
    ]
    assert covering == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_signals_and_messages_flow_down(canvas):
    upwards = [
        _named(canvas.boxes[cord.source])
        for cord in canvas.cords
        if canvas.line(cord)[0][1] > canvas.line(cord)[1][1]
    ]
    assert upwards == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_every_fan_out_of_messages_goes_through_a_trigger(canvas):
    outlets = [(cord.source, cord.outlet) for cord in canvas.cords]
    fanned_out = [
        _named(canvas.boxes[source])
        for source, outlet in set(outlets)
        if outlets.count((source, outlet)) > 1 and not canvas.boxes[source].name.endswith("~")
    ]
    assert fanned_out == []


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_names_are_local_to_their_patch(path):
    shared = [
        box.words[position]
        for canvas in pd_layout.read_canvases(path)
        for box in canvas.boxes
        for position in NAME_POSITIONS.get(box.name, ())
        if len(box.words) > position
    ]
    shared += re.findall(r"^#X array (\S+)", path.read_text().replace("\\$", "$"), re.MULTILINE)
    allowed = PD_GLOBAL_NAMES | {"empty", "$1"} | SHARED_NAMES.get(path.stem, set())
    assert [name for name in shared if not name.startswith(OF_A_NAME) and name not in allowed] == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_scrollbar_that_shows_while_a_window_opens_hides_nothing(canvas):
    """Pd may show scrollbars before a window has its size, and leaves them where they hide any."""
    rects = [rect for rect, _ in _obstacles(canvas)]
    rects += [box.rect for box in canvas.boxes if box.is_panel]
    assert max(rect.right for rect in rects) <= canvas.width - SCROLLBAR
    assert max(rect.bottom for rect in rects) <= canvas.height - SCROLLBAR


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_window_fits_a_screen_of_1366_by_768_with_its_menu_and_title(canvas):
    assert canvas.width <= 1346 and canvas.height <= 690


def test_the_page_its_guide_and_the_examples_are_narrower():
    page = pd_layout.read_canvases(PD_FOLDER / "samplernn.pd")
    canvases = [canvas for canvas in page if canvas.name in ("samplernn", "guide")]
    for path in PD_FOLDER.glob("examples/*.pd"):
        canvases += pd_layout.read_canvases(path)
    assert max(canvas.width for canvas in canvases) <= 1200


def test_the_helps_and_the_package_state_the_version_of_the_project():
    assert f"VERSION {__version__}," in (PD_FOLDER / "samplernn-meta.pd").read_text()
    for name in ("samplernn-help", "samplernn~-help"):
        assert f"samplernn {__version__}," in (PD_FOLDER / f"{name}.pd").read_text()
