"""The paths of the project, its fixtures and its test patches."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "tests"
SUPPORT = TESTS / "support"
CHECKPOINTS = TESTS / "checkpoints"
GRU = CHECKPOINTS / "gru_mulaw"
LSTM = CHECKPOINTS / "lstm_linear_skip"
PATCHES = TESTS / "pd" / "patches"
PYEXT_CLASSES = TESTS / "pd" / "pyext_classes"
