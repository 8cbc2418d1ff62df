#!/bin/sh
# Builds the engine's self-test for 64-bit ARM and runs it under qemu-user.
# Needs Debian's g++-aarch64-linux-gnu and qemu-user.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sources=$(find ../../sopilib/engine/kernels -name '*.cpp' ! -name binding.cpp ! -name model_reader.cpp)

# shellcheck disable=SC2086
aarch64-linux-gnu-g++ -std=c++17 -O2 -static -ffp-contract=off -pthread -Wno-psabi \
    -o "$folder/selftest" selftest.cpp $sources
qemu-aarch64 -cpu max "$folder/selftest"
