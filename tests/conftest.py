"""Markers, by folder, module or test: `make test-fast` leaves out the marked tests."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parent
_MARKERS = {
    "pd": ("pd/*",),
    "tensorflow": (
        "training/*",
        "engine/test_engine_commands.py",
        "engine/test_engine_endurance.py",
        "engine/test_engine_generator.py",
        "engine/test_engine_weights.py",
        "engine/test_model.py",
        "engine/test_model_files_in_use.py",
        "engine/test_models.py",
        "engine/test_pre_emphasis.py",
        "engine/test_score.py",
        "engine/test_tensorflow_generator.py",
        "engine/test_without_kernels.py",
        "unit/test_checkpoint.py",
        "unit/test_cli.py",
        "unit/test_doctor.py",
        "unit/test_exact_delay.py",
        "unit/test_generate.py",
        "unit/test_generate_files.py",
        "unit/test_hostile_flags.py",
        "unit/test_new_knob.py",
        "unit/test_pack_models.py",
        "unit/test_priority.py",
        "unit/test_recipe.py",
        "unit/test_record.py",
        "unit/test_sample_rate.py",
        "unit/test_state_file.py",
        "unit/test_stream.py",
        "unit/test_stream_health.py",
        "unit/test_stream_jumps.py",
        "unit/test_sweep.py",
        "unit/test_voices_apart.py",
        "unit/test_watchdog.py",
        "unit/test_worker.py",
        "unit/test_worker_python.py",
    ),
    "slow": (
        "unit/test_album.py",
        "unit/test_album_cluster.py",
        "unit/test_album_jobs.py",
        "unit/test_little_space.py",
        "unit/test_live.py",
        "unit/test_long_takes.py",
    ),
    "realtime": (
        "engine/test_engine_commands.py::*_auto_*",
        "engine/test_engine_weights.py::test_auto_*",
        "pd/test_detached_deleted_in_pd.py",
        "pd/test_examples.py",
        "pd/test_newer_pd.py",
        "pd/test_original_pyext.py",
        "pd/test_patch_live.py",
        "pd/test_soak.py",
        "pd/test_stream_endurance.py",
        "pd/test_stream_in_pd.py",
        "pd/test_stream_steered_in_pd.py",
        "pd/test_voices_in_pd.py",
        "unit/test_album_cluster.py",
        "unit/test_watchdog.py",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test according to its module."""
    for item in items:
        module = item.path.relative_to(_TESTS).as_posix()
        for marker, patterns in _MARKERS.items():
            places = (module, f"{module}::{item.name}")
            if any(fnmatchcase(place, pattern) for place in places for pattern in patterns):
                item.add_marker(getattr(pytest.mark, marker))
