"""A real Pd with our pyext loader and the Python classes of tests/pd/pyext_classes."""

import sys

from pd_host import PdHost, write_patch
from places import PROJECT, PYEXT_CLASSES

LOADER_FOLDER = PROJECT / "pd" / "pyext"
LOADER = LOADER_FOLDER / ("pyext.pd_darwin" if sys.platform == "darwin" else "pyext.pd_linux")


def object_lines(creation, first=0, receiver="in", printer="out", num_outlets=1):
    """Return patch lines: [receive] into Python inlet 1 of an object, [print]s below.

    Args:
        creation: text of the object box.
        first: number of earlier objects in the patch.
        receiver: name that Python inlet 1 listens to.
        printer: name of the [print] of the first outlet; others get their number
            appended.
        num_outlets: how many outlets are printed.
    """
    lines = [
        f"#X obj 10 {10 + 40 * first} receive {receiver}",
        f"#X obj 200 {10 + 40 * first} {creation}",
    ]
    for outlet in range(num_outlets):
        name = printer if outlet == 0 else f"{printer}{outlet + 1}"
        lines.append(f"#X obj {400 + 90 * outlet} {10 + 40 * first} print {name}")
    lines.append(f"#X connect {first} 0 {first + 1} 1")
    lines += [
        f"#X connect {first + 1} {outlet} {first + 2 + outlet} 0" for outlet in range(num_outlets)
    ]
    return lines


def open_pyext(folder, *lines, args=(), **options):
    """Return a `PdHost` on a patch of these lines that finds the loader and the classes."""
    assert LOADER.exists(), f"{LOADER} is not built (run: make install)"
    paths = ("-path", str(LOADER_FOLDER), "-path", str(PYEXT_CLASSES))
    return PdHost(write_patch(folder, *lines), args=(*paths, *args), **options)


def open_object(folder, creation, *more_lines, num_outlets=1, **options):
    """Return a `PdHost` on a patch with one object that listens to `in`."""
    lines = object_lines(creation, num_outlets=num_outlets)
    return open_pyext(folder, *lines, *more_lines, **options)
