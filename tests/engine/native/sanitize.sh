#!/bin/sh
# Runs the engine's self-test under the address, undefined behaviour and thread sanitizers, and
# under the first two the packed models of the fuzzer's corpus.
#   tests/engine/native/sanitize.sh        (with the compiler in $CXX, default g++)
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sources=$(find ../../../sopilib/engine/kernels -name '*.cpp' ! -name binding.cpp ! -name packed_dicts.cpp)

for sanitizers in address,undefined thread; do
    echo "-- $sanitizers"
    # shellcheck disable=SC2086
    ${CXX:-g++} -std=c++17 -O1 -g -fsanitize=$sanitizers -fno-sanitize-recover=all \
        -ffp-contract=off -pthread -Wno-psabi -o "$folder/selftest" selftest.cpp $sources
    "$folder/selftest"
done

echo "-- hostile models"
# shellcheck disable=SC2086
${CXX:-g++} -std=c++17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
    -ffp-contract=off -pthread -Wno-psabi -DSTANDALONE -o "$folder/hostile" \
    ../../fuzz/model_reader.cpp $sources
"$folder/hostile" ../../fuzz/model_reader.corpus
