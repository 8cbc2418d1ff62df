#!/bin/sh
# Install everything that the project needs and that is still missing:
#   1. system packages: Pd, its header, a C compiler, headers and venv of Debian's Python
#   2. the environment .venv, with the project and its native parts
#   3. the packed weights of the bundled models, so that their first load takes a moment
# `install.sh test` also installs the tools for the tests' screenshots.
# The Python is $PYTHON if that is set, else the one of .venv, else the first that fits.
# The script is at the top, beside the Makefile that calls it: it runs before all else.
set -eu
cd "$(dirname "$0")"

environment=.venv
stamp=$environment/made-with  # names the environment's Python; as new as the last installation
system=$(uname -s)

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

has_file() {
    for file in "$@"; do
        if [ -e "$file" ]; then return 0; fi
    done
    return 1
}

version_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# Pd's loader needs Python as a shared library; apt-get can add it for Debian's own Python.
can_be_embedded() {
    "$1" - <<'PYTHON'
import glob, sys, sysconfig
variable = sysconfig.get_config_var
library = "{}/libpython{}.[sd]*".format(variable("LIBDIR"), variable("VERSION"))
sys.exit(not (variable("PYTHONFRAMEWORK") or sys.base_prefix == "/usr" or glob.glob(library)))
PYTHON
}

# Prints the path of the Python behind a virtual environment or a name like python3.
behind() {
    "$1" -c 'import os, sys; print(os.path.realpath(sys._base_executable))'
}

# Sets $python to the Python for the environment; fails if there is none.
choose_python() {
    chosen=${PYTHON:-$(cat $stamp 2>/dev/null || true)}
    if [ -n "$chosen" ] && version_fits "$chosen"; then
        python=$(behind "$chosen")
        return 0
    elif [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is not a Python 3.10 to 3.13 (name one that is, or unset PYTHON)"
    fi
    for accepts in can_be_embedded true; do
        for name in python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
            if version_fits "$name" && $accepts "$name"; then
                python=$(behind "$name")
                return 0
            fi
        done
    done
    return 1
}

python_says() {
    "$python" -c "import sys, sysconfig; print($1)"
}

has_python_header() {
    [ -e "$(python_says 'sysconfig.get_path("include")')/Python.h" ]
}

missing_debian_packages() {
    has "${PD:-pd}" || echo puredata
    has_file /usr/include/m_pd.h /usr/include/pd/m_pd.h \
             /usr/local/include/m_pd.h /usr/local/include/pd/m_pd.h || echo puredata-dev
    has cc || echo gcc libc6-dev
    has c++ || echo g++
    if [ "$(python_says sys.base_prefix)" = /usr ]; then
        version=$(python_says 'sysconfig.get_config_var("VERSION")')
        has_python_header || echo "python$version-dev"
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "python$version-venv"
    fi
    if [ "${1:-}" = test ]; then
        has Xvfb || echo xvfb
        has xdotool || echo xdotool
        has import || echo imagemagick
    fi
}

install_with_apt() {
    if [ $# -eq 0 ]; then return; fi
    if [ "$(id -u)" -eq 0 ]; then
        as_root=""
    elif has sudo; then
        as_root=sudo
    else
        fail "missing: $* (as root, run: apt-get install $*)"
    fi
    echo "Installing with apt-get: $*"
    $as_root apt-get update -qq || echo "apt-get update failed; continuing with the present package lists"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" ||
        fail "apt-get could not install $* (see above)"
}

install_on_debian() {
    choose_python || install_with_apt python3
    choose_python || fail "no Python 3.10 to 3.13 was found (install one and name it: make PYTHON=/path/to/python3)"
    # Package names contain no spaces: one argument each.
    # shellcheck disable=SC2046
    install_with_apt $(missing_debian_packages "$@")
}

install_with_brew() {
    has brew || fail "$* is missing (install Homebrew, then run install.sh again)"
    echo "Installing with Homebrew: $*"
    brew install "$@"
}

install_on_macos() {
    has cc || fail "no C compiler was found (run: xcode-select --install)"
    choose_python || install_with_brew python@3.12
    choose_python || fail "no Python 3.10 to 3.13 was found (run: brew install python@3.12)"
    has "${PD:-pd}" || has_file /Applications/Pd-*.app "$HOME"/Applications/Pd-*.app ||
        install_with_brew --cask pd
}

check_elsewhere() {
    choose_python || fail "no Python 3.10 to 3.13 was found (install one)"
    missing=""
    has "${PD:-pd}" || missing="$missing, Pure Data with its header m_pd.h"
    has cc || missing="$missing, a C compiler"
    has c++ || missing="$missing, a C++ compiler"
    has_python_header || missing="$missing, the headers of $python"
    if [ "${1:-}" = test ]; then
        for tool in Xvfb xdotool import; do
            has $tool || missing="$missing, $tool"
        done
    fi
    [ -z "$missing" ] || fail "missing: ${missing#, } (install them with your system's package manager)"
}

environment_is_current() {
    [ "$(cat $stamp 2>/dev/null)" = "$python" ] &&
        [ -x $environment/bin/samplernn ] &&
        [ -z "$(find setup.py pyproject.toml pd/pyext sopilib/engine -newer $stamp \
            \( -name '*.py' -o -name '*.toml' -o -name '*.[ch]' -o -name '*.cpp' \))" ]
}

make_environment() {
    if environment_is_current; then return; fi
    if [ "$(cat $stamp 2>/dev/null)" != "$python" ] || ! $environment/bin/python -c pass 2>/dev/null; then
        echo "Creating $environment with $python"
        "$python" -m venv --clear $environment
    fi
    echo "Installing the project and its packages into $environment"
    $environment/bin/python -m pip install --editable '.[test]'
    echo "$python" >$stamp
}

# The first load of a model packs its weights, with TensorFlow: here nobody waits for it.
pack_bundled_models() {
    for index in models/*/model.ckpt-*.index; do
        if [ -e "$index" ] && ! has_file "${index%.index}".*.float32.pack; then
            $environment/bin/python -m sopilib.commands.pack_models ||
                echo "install.sh: some models are not packed (their first load packs them)" >&2
            return 0
        fi
    done
}

if has apt-get; then
    install_on_debian "$@"
elif [ "$system" = Darwin ]; then
    install_on_macos
else
    check_elsewhere "$@"
fi
make_environment
pack_bundled_models
