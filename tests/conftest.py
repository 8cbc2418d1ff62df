"""Markers, by folder, module or test, and the order of the modules.

`make test-fast` leaves out the marked tests; `tests/run.sh` runs them in three parts.
"""

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
        "pd/test_original_pyext.py::test_a_message_to_pds_thread_*",
        "pd/test_original_pyext.py::test_without_detach_*",
        "pd/test_patch_live.py::test_a_stream_has_the_latency_*",
        "pd/test_patch_live.py::test_the_stream_is_the_take_*",
        "unit/test_album_cluster.py",
        "unit/test_watchdog.py",
    ),
    # unless marked realtime
    "live": (
        "pd/test_examples.py",
        "pd/test_newer_pd.py",
        "pd/test_original_pyext.py::test_the_model_of_the_argument_*",
        "pd/test_patch_live.py",
        "pd/test_soak.py",
        "pd/test_stream_endurance.py",
        "pd/test_stream_in_pd.py",
        "pd/test_stream_steered_in_pd.py",
        "pd/test_voices_in_pd.py",
    ),
}
# These take longest, so they begin first, or one would run alone at the end. Pd waits where
# TensorFlow computes: they take turns.
_FIRST = (
    "pd/test_stream_endurance.py",
    "training/test_training_replicas.py",
    "pd/test_samplernn_in_pd.py",
    "training/test_tune.py",
    "pd/test_samplernn_lives_in_pd.py",
    "training/test_training.py",
    "pd/test_patch_page.py",
    "training/test_train_by_recipe.py",
    "pd/test_examples.py",
    "training/test_training_ends.py",
    "pd/test_patch_live.py",
    "unit/test_worker_python.py",
    "pd/test_stream_in_pd.py",
    "unit/test_album.py",
    "unit/test_long_takes.py",
    "engine/test_engine_endurance.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test according to its module, and put the modules in order."""
    for item in items:
        module = _module(item)
        for marker, patterns in _MARKERS.items():
            places = (module, f"{module}::{item.name}")
            if any(fnmatchcase(place, pattern) for place in places for pattern in patterns):
                item.add_marker(getattr(pytest.mark, marker))
    order = {module: k for k, module in enumerate(_FIRST)}
    items.sort(key=lambda item: order.get(_module(item), len(order)))


def _module(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).as_posix()
