"""Build the native parts: the engine's kernels and the loader of `[pyext]` for Pd.

All other facts about the project are in `pyproject.toml`. `pip install -e .` puts the
loader and the record of the worker's Python into the checkout, where Pd and the patches
find them. `pip install .` leaves the checkout alone: patches, loader and models go to
`share/samplernn` of the environment.
"""

import importlib.util
import pathlib
import sys
from types import ModuleType

from setuptools import Command, Distribution, setup
from setuptools.command.build import build

ROOT = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.PurePath("share", "samplernn")
NOT_SHARED = {".c", ".h", ".pyc", ".pd_linux", ".pd_darwin"}
CACHED_WEIGHTS = "model.ckpt-*.pack"  # beside a checkpoint; a model without one is its *.pack
BUILD_FILES = {"build_loader.py", ".clang-format"}
WORKER_RECORD = pathlib.PurePath("samplernn_pd", "worker_python.txt")


def load_module(path: pathlib.Path, name: str | None = None) -> ModuleType:
    """Return the module in a file outside any package."""
    name = name or path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def shared_files() -> list[tuple[str, list[str]]]:
    """Return patches and models as `data_files`: (folder to install in, [file])."""
    paths = [
        path.relative_to(ROOT)
        for folder in ("pd", "models")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix not in NOT_SHARED and path.name not in BUILD_FILES
        if not path.match(CACHED_WEIGHTS)
    ]
    return [(str(SHARED / path.parent), [str(path)]) for path in paths]


class BuildNative(Command):
    """Build the pyext loader and record the Python that the worker will run in."""

    description = "build the pyext loader"
    user_options = []
    editable_mode = False

    def initialize_options(self):
        self.build_lib = None
        self.build_base = None

    def finalize_options(self):
        self.set_undefined_options(
            "build", ("build_lib", "build_lib"), ("build_base", "build_base")
        )

    def run(self):
        loader_build = load_module(ROOT / "pd" / "pyext" / "build_loader.py")
        folder = (
            loader_build.SOURCE_FOLDER
            if self.editable_mode
            else pathlib.Path(self.build_base) / "pyext"
        )
        loader = loader_build.build(folder)
        self._share(loader, loader and loader_build.dotted_paths(loader)[0])
        record = (ROOT if self.editable_mode else pathlib.Path(self.build_lib)) / WORKER_RECORD
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(sys.executable + "\n", encoding="utf-8")

    def _share(self, loader: pathlib.Path | None, dotted: pathlib.Path | None):
        """Install both libraries beside the patches; an editable install has them already."""
        if self.editable_mode:
            self.distribution.data_files = []
        elif loader:
            self.distribution.data_files += [
                (str(SHARED / "pd" / "pyext"), [str(loader), str(dotted)]),
                (str(SHARED / "pd"), [str(dotted)]),
            ]

    def get_source_files(self):
        return [
            str(path.relative_to(ROOT))
            for path in sorted((ROOT / "pd" / "pyext").rglob("*"))
            if path.suffix in (".c", ".h", ".py")
        ]

    def get_outputs(self):
        return [] if self.editable_mode else [str(pathlib.Path(self.build_lib) / WORKER_RECORD)]

    def get_output_mapping(self):
        return {}


class Build(build):
    """The usual build, preceded by the native parts."""

    sub_commands = [("build_native", None), *build.sub_commands]


class NativeDistribution(Distribution):
    """A distribution for one platform and one Python, because the loader is."""

    def has_ext_modules(self):
        return True


engine_build = load_module(ROOT / "sopilib" / "engine" / "build.py", "engine_build")

setup(
    ext_modules=[engine_build.engine_extension(ROOT)],
    data_files=shared_files(),
    distclass=NativeDistribution,
    cmdclass={
        "build": Build,
        "build_ext": engine_build.BuildEngine,
        "build_native": BuildNative,
    },
)
