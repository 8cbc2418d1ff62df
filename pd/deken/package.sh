#!/bin/sh
# Build a package for Pd's "Find externals" in dist/; `package.sh FOLDER` only copies its
# content to FOLDER/samplernn. Patches, class, loader and models are in one flat folder,
# because Pd adds this folder to its search path. Nothing is uploaded.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' sopilib/__init__.py)

fail() {
    echo "package.sh: $*" >&2
    exit 1
}

copy() {
    mkdir -p "$1"
    destination=$1
    shift
    for file in "$@"; do
        if [ ! -e "$file" ]; then fail "no $file (run: make install)"; fi
        cp "$file" "$destination"
    done
}

lay_out() {
    loader=$(find pd/pyext -name 'pyext.pd_*')
    copy "$1" pd/*.pd pd/deken/README.txt LICENSE
    copy "$1/examples" pd/examples/*.pd
    dotted=$(find pd/pyext -name 'pyext..pd_*')
    copy "$1" "${dotted:-pd/pyext/pyext..pd_linux}"
    copy "$1/pyext" "${loader:-pd/pyext/pyext.pd_linux}" pd/pyext/pyext-help.pd
    copy "$1/samplernn_pd" samplernn_pd/*.py
    for package in sopilib sopilib/*/; do
        if [ -e "$package/__init__.py" ]; then copy "$1/$package" "${package%/}"/*.py; fi
    done
    for engine in sopilib/engine/native.*.so; do
        if [ -e "$engine" ]; then
            copy "$1/sopilib/engine" "$engine"
            strip -x "$1/$engine"
        fi
    done
    for config in models/*/*.config.json; do
        model=$(dirname "$config")
        if [ -n "$(find "$model" -name '*.index' -o -name '*.pack')" ]; then
            lay_out_model "$model" "$1/$(basename "$model")"
        fi
    done
}

# Packed weights need no TensorFlow, and a third of the space of a checkpoint.
lay_out_model() {
    if [ -n "$(find "$1" -name '*.index')" ]; then
        .venv/bin/samplernn export --ckpt_dir "$1" --precision int8 int4 --output_dir "$2" >/dev/null ||
            fail "cannot pack $1 (see above)"
    else
        copy "$2" "$1"/*.config.json "$1"/*.pack
    fi
    copy "$2" "$1/README.md"
    for text in "$1"/LICEN[CS]E* "$1"/COPYING* "$1"/NOTICE*; do
        if [ -e "$text" ]; then copy "$2" "$text"; fi
    done
}

pack() {
    .venv/bin/deken --version >/dev/null 2>&1 ||
        .venv/bin/python -m pip install --quiet --ignore-requires-python deken
    .venv/bin/deken package --version "$version" --objects pd/deken/objects.txt \
        --extra-arch-files build/deken/samplernn/pyext/pyext.pd_* \
        --no-sign-gpg --output-dir dist build/deken/samplernn
}

if [ $# -gt 0 ]; then
    lay_out "$1/samplernn"
else
    rm -rf build/deken
    mkdir -p dist
    lay_out build/deken/samplernn
    pack
fi
