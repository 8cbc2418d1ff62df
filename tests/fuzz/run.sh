#!/bin/sh
# Feed new inputs to the reader of packed models and to the readers in Python, single-process.
#   tests/fuzz/run.sh SECONDS        (in $FUZZ_FOLDER, default build/fuzz, lie corpus and findings)
# Two thirds of the time go to libFuzzer on the C++ reader and sample loop with the address and
# undefined behaviour sanitizers, the rest to hypothesis on files, folders and frames. It fails
# with the first input that breaks a property. tests/fuzz/model_reader.corpus has an input a
# line, in hexadecimal: what it begins with; a finding belongs there once it is mended.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
python=.venv/bin/python
folder=${FUZZ_FOLDER:-build/fuzz}
mkdir -p "$folder/corpus"

case $seconds in
'' | *[!0-9]*)
    echo "TIME=$seconds is no number of seconds (give one, such as TIME=60)" >&2
    exit 1
    ;;
esac

has_fuzzer() {
    command -v "$1" >/dev/null || return 1
    echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }' |
        "$1" -x c++ -fsanitize=fuzzer,address,undefined -o "$folder/probe" - 2>/dev/null
}

compiler=
for candidate in ${CXX:-} clang++ clang++-21 clang++-20 clang++-19 clang++-18 clang++-17 \
    clang++-16 clang++-15 clang++-14 /opt/homebrew/opt/llvm/bin/clang++ \
    /usr/local/opt/llvm/bin/clang++; do
    if has_fuzzer "$candidate"; then
        compiler=$candidate
        break
    fi
done
if [ -z "$compiler" ]; then
    echo "make fuzz needs clang with libFuzzer (sudo apt-get install clang libclang-rt-dev; on macOS: brew install llvm)" >&2
    exit 1
fi
if ! $python -c 'import hypothesis' 2>/dev/null; then
    echo "make fuzz needs hypothesis ($python -m pip install hypothesis)" >&2
    exit 1
fi

echo "-- building the C++ reader with $compiler"
sources=$(find sopilib/engine/kernels -name '*.cpp' ! -name binding.cpp ! -name packed_dicts.cpp)
# shellcheck disable=SC2086
"$compiler" -std=c++17 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -ffp-contract=off -fno-math-errno -pthread -Wno-psabi \
    -o "$folder/model_reader" tests/fuzz/model_reader.cpp $sources
$python tests/fuzz/corpus.py unpack tests/fuzz/model_reader.corpus "$folder/corpus"

native=$((seconds * 2 / 3))
echo "-- C++ reader and sample loop, $native s"
"$folder/model_reader" -max_total_time="$((native > 0 ? native : 1))" -max_len=200 -len_control=0 -timeout=60 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$folder/" \
    "$folder/corpus"
echo "-- files, folders and frames, $((seconds - native)) s"
PYTHONPATH=.:tests/support $python tests/fuzz/properties.py "$((seconds - native))"
