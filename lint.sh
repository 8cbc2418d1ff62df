#!/bin/sh
# Check Python, C and C++ as `make lint` and the pre-commit hook do: style, types, format,
# workflows. `lint.sh format` formats instead. pyproject.toml has the tools' versions.
set -eu
cd "$(dirname "$0")"
bin=.venv/bin

if ! $bin/python -c 'import importlib.metadata as m; m.version("check-jsonschema")' 2>/dev/null; then
    $bin/python -m pip install --quiet --editable '.[lint]'
fi
native=$(find sopilib/engine/kernels pd/pyext tests/engine/native tests/fuzz tests/support \
    -name '*.c' -o -name '*.cpp' -o -name '*.h')

if [ "${1:-}" = format ]; then
    $bin/ruff check --fix --quiet . || true
    $bin/ruff format --quiet .
    # file names contain no spaces: one argument each
    # shellcheck disable=SC2086
    $bin/clang-format -i $native
    exit
fi
echo "-- ruff check"
$bin/ruff check .
echo "-- ruff format"
$bin/ruff format --check .
echo "-- mypy"
$bin/mypy
echo "-- clang-format"
# shellcheck disable=SC2086
$bin/clang-format --dry-run --Werror $native
echo "-- workflows"
$bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
