#!/bin/bash
# The engine on 64-bit ARM under qemu-user: its self-test and its pytest files, on a processor
# with the dot product instructions (NEON kernels) and on one without (plain kernels).
#   tests/engine/native/neon.sh        (10 minutes; the project's Python in $PYTHON, default .venv's)
# It needs Debian with g++-aarch64-linux-gnu and qemu-user, and the network: the ARM Python comes
# from Debian's packages and its modules from wheels. It installs nothing on the machine.
set -euo pipefail
cd "$(dirname "$0")/../../.."
python=${PYTHON:-.venv/bin/python}
kernels=sopilib/engine/kernels
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

compile() {
    aarch64-linux-gnu-g++ -std=c++17 -ffp-contract=off -fno-math-errno -pthread -Wno-psabi "$@"
}

apt_arm() {  # apt-get for ARM, with its state in $folder/apt
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
        -o APT::Install-Recommends=false -o Dir::State="$folder/apt" -o Dir::Cache="$folder/apt" \
        -o Dir::State::status="$folder/apt/status" "$@" >"$folder/apt.log" 2>&1 ||
        { cat "$folder/apt.log"; exit 1; }
}

arm_python() {  # arm_python PROCESSOR ARGUMENTS...
    (cd "$folder/project" && GOLDEN_VARIABLES="$folder/golden" PYTHONNOUSERSITE=1 \
        PYTHONPATH="$folder/project:$folder/site" \
        qemu-aarch64 -cpu "$1" -L "$folder/root" "$folder/root/usr/bin/python$version" "${@:2}")
}

instruction_sets='from sopilib.engine import native; print(*native.instruction_sets())'

run_tests() {  # run_tests PROCESSOR KERNELS FEWEST ARGUMENTS... : pytest, FEWEST must pass
    local found passed
    found=$(arm_python "$1" -c "$instruction_sets")
    echo "-- pytest on $1: $found"
    [[ $found == "$2" ]] || { echo "FAILED: expected the kernels $2"; exit 1; }
    arm_python "$1" -m pytest -q -rs -p no:cacheprovider "${@:4}" | tee "$folder/log"
    passed=$(tail -n 1 "$folder/log" | sed -n 's/^\([0-9]*\) passed.*/\1/p')
    ((${passed:-0} >= $3)) || { echo "FAILED: ${passed:-0} tests passed, expected $3"; exit 1; }
}

mapfile -t sources < <(find "$kernels" -name '*.cpp' ! -name binding.cpp ! -name packed_dicts.cpp)
compile -O2 -static -o "$folder/selftest" tests/engine/native/selftest.cpp "${sources[@]}"
for processor in max cortex-a53; do
    echo "-- self-test on $processor"
    qemu-aarch64 -cpu "$processor" "$folder/selftest"
done

mkdir -p "$folder"/{apt/lists/partial,apt/archives/partial,root,golden,project}
: >"$folder/apt/status"
apt_arm update
apt_arm -y --download-only install python3 libpython3-dev libstdc++6
for package in "$folder"/apt/archives/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
done
version=$(readlink "$folder/root/usr/bin/python3" | tr -dc '0-9.')
"$python" -m pip -q install --target "$folder/site" --only-binary :all: --implementation cp \
    --python-version "$version" --platform manylinux2014_aarch64 \
    --platform manylinux_2_28_aarch64 numpy pybind11 pytest soundfile soxr

cp -r sopilib tests "$folder/project"
compile -O3 -shared -fPIC -fvisibility=hidden -I "$folder/site/pybind11/include" \
    -I "$folder/root/usr/include" -I "$folder/root/usr/include/python$version" \
    -o "$folder/project/sopilib/engine/native.so" "$kernels"/*.cpp
PYTHONPATH=. "$python" tests/support/golden.py "$folder/golden"

# on an emulated processor no model plays live, so `auto` chooses another precision
too_slow=test_auto_takes_the_most_exact_precision_for_a_model_that_any_machine_plays
has_children=test_auto_does_not_keep_what_it_measured_while_the_machine_was_busy
run_tests max "neon plain" 150 tests/engine/test_engine_*.py \
    --deselect "tests/engine/test_engine_weights.py::$too_slow" \
    --deselect "tests/engine/test_engine_weights.py::$has_children"
run_tests cortex-a53 plain 100 tests/engine/test_engine_generator.py
