"""Compile the engine's kernels; `setup.py` loads this module without its package.

One module serves every machine: each `kernels/isa_*.cpp` compiles itself for its instruction
set, and the module chooses the fastest one of the processor at run time.
"""

from pathlib import Path

import pybind11  # only the build needs it, not code that only reads this module
from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

_FOLDER = Path("sopilib/engine/kernels")
_FLAGS = [
    "-std=c++17",
    "-O3",
    # no fused multiply-add, so that all instruction sets give the same bits
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-pthread",
    "-Wno-psabi",
]


def engine_extension(root: str | Path) -> Extension:
    """Return the kernels as a setuptools Extension for BuildEngine; `root` is the checkout."""
    files = sorted((Path(root) / _FOLDER).iterdir())
    return Extension(
        "sopilib.engine.native",
        sources=[str(_FOLDER / file.name) for file in files if file.suffix == ".cpp"],
        depends=[str(_FOLDER / file.name) for file in files if file.suffix == ".h"],
        language="c++",
        extra_compile_args=_FLAGS,
        extra_link_args=["-pthread"],
        optional=True,
    )


class BuildEngine(build_ext):
    """`build_ext` that continues without the engine if there is no C++ compiler."""

    def build_extension(self, ext: Extension) -> None:
        """Build one extension, or print why it cannot be built."""
        ext.include_dirs.append(pybind11.get_include())
        try:
            super().build_extension(ext)
        except (CCompilerError, ExecError, PlatformError) as error:
            print(
                f"samplernn: the engine is not built, so TensorFlow generates, "
                f"2 to 20 times slower: {error} (install a C++ compiler such as g++, then "
                "install samplernn again)"
            )
