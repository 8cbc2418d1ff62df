"""The build of the whole project: packages, the loader for Pd, patches and models.

`pip install -e .` puts the loader and the record of the worker's Python into the
checkout, where Pd and the patches find them. `pip install .` leaves the checkout
alone: patches, loader and models go to `share/samplernn` of the environment.
"""

import importlib.util
import pathlib
import re
import sys
from distutils.command.install_data import install_data  # after setuptools, which brings it

from setuptools import Command, Distribution, find_packages, setup
from setuptools.command.build import build

ROOT = pathlib.Path(__file__).resolve().parent
SHARED = pathlib.PurePath("share", "samplernn")
NOT_SHARED = {".c", ".h", ".pack", ".pyc", ".pd_linux", ".pd_darwin"}
WORKER_RECORD = pathlib.PurePath("samplernn_pd", "worker_python.txt")


def load_module(path, name=None):
    """Returns the module in a file that lies in no package."""
    name = name or path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def version():
    """Returns the version that `sopilib` states, without importing it."""
    text = (ROOT / "sopilib" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"', text, re.MULTILINE).group(1)


def shared_files():
    """Returns patches and models as `data_files`: (folder to install in, [file])."""
    paths = [
        path.relative_to(ROOT)
        for folder in ("pd", "models")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix not in NOT_SHARED and path.name != "build_loader.py"
    ]
    return [(str(SHARED / path.parent), [str(path)]) for path in paths]


class BuildNative(Command):
    """Builds the pyext loader and records the Python that the worker will run in."""

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
        self.loader = loader_build.build(folder)
        record = (ROOT if self.editable_mode else pathlib.Path(self.build_lib)) / WORKER_RECORD
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(sys.executable + "\n", encoding="utf-8")

    def get_source_files(self):
        return [
            str(path.relative_to(ROOT))
            for path in sorted((ROOT / "pd" / "pyext").iterdir())
            if path.suffix in (".c", ".h", ".py")
        ]

    def get_outputs(self):
        return [] if self.editable_mode else [str(pathlib.Path(self.build_lib) / WORKER_RECORD)]

    def get_output_mapping(self):
        return {}


class Build(build):
    """The usual build, the native parts first."""

    sub_commands = [("build_native", None), *build.sub_commands]


class InstallShared(install_data):
    """Installs the built loader beside the patches; an editable install has its own."""

    def run(self):
        native = self.get_finalized_command("build_native")
        if native.editable_mode:
            return
        if native.loader:
            self.data_files = [
                *self.data_files,
                (str(SHARED / "pd" / "pyext"), [str(native.loader)]),
            ]
        super().run()


class NativeDistribution(Distribution):
    """The loader belongs to one platform and one Python, and so does a wheel."""

    def has_ext_modules(self):
        return True


engine_build = load_module(ROOT / "sopilib" / "engine" / "build.py", "engine_build")

# what keras-tuner needs for its Bayesian search; 200 MB that nothing else here uses
BAYESIAN_SEARCH = ["scikit-learn", "scipy"]

setup(
    name="samplernn",
    version=version(),
    description="SampleRNN as an instrument for Pure Data",
    license="MIT",
    packages=find_packages(include=["sopilib*", "samplernn_pd"]),
    ext_modules=[engine_build.engine_extension(ROOT)],
    data_files=shared_files(),
    python_requires=">=3.10,<3.14",
    install_requires=[
        "tensorflow",
        "numpy",
        "soundfile",
        "soxr",
        "tqdm",
        "matplotlib",
        "keras-tuner>=1.4.8,<1.5",
    ],
    extras_require={"test": ["pytest", *BAYESIAN_SEARCH], "bayesian": BAYESIAN_SEARCH},
    entry_points={"console_scripts": ["samplernn = sopilib.commands.main:main"]},
    distclass=NativeDistribution,
    cmdclass={
        "build": Build,
        "build_ext": engine_build.BuildEngine,
        "build_native": BuildNative,
        "install_data": InstallShared,
    },
)
