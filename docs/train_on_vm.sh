#!/bin/sh
# Train on a rented machine (Ubuntu or Debian, with or without an NVIDIA GPU) from your own:
#
#   sh docs/train_on_vm.sh start USER@HOST RECORDINGS --preset lstm-linear-skip --id bells
#   sh docs/train_on_vm.sh follow USER@HOST
#   sh docs/train_on_vm.sh fetch USER@HOST FOLDER
#
# start copies this project and the folder RECORDINGS to the machine, installs the project and
# trains in the background; words after RECORDINGS go to `samplernn train`. The same command
# resumes a training that stopped. follow shows the output until Ctrl-C; fetch copies the run
# folders into FOLDER. The variable SSH holds flags for ssh, such as "-p 2222 -i key".
set -eu

fail() {
    echo "train_on_vm.sh: $*" >&2
    exit 1
}

usage="start USER@HOST RECORDINGS [FLAGS], follow USER@HOST or fetch USER@HOST FOLDER"
[ $# -ge 2 ] || fail "say what to do ($usage)"
action=$1
host=$2
shift 2
project=$(cd "$(dirname "$0")/.." && pwd)

# Runs a command on the machine.
remote() {
    # shellcheck disable=SC2086  # SSH is a list of words
    ssh ${SSH:-} "$host" "$1"
}

# Quotes words for the shell of the machine.
quoted() {
    for word in "$@"; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

start() {
    [ $# -ge 1 ] && [ -d "$1" ] || fail "no folder of recordings ${1:-} (give one after USER@HOST)"
    recordings=$1
    shift
    remote "mkdir -p samplernn recordings"
    tar -C "$project" --exclude .venv --exclude .git --exclude logdir -czf - . |
        remote "tar -C samplernn -xzf -"
    tar -C "$recordings" -czf - . | remote "tar -C recordings -xzf -"
    remote "cd samplernn && sh install.sh"
    remote "if command -v nvidia-smi >/dev/null; then
        samplernn/.venv/bin/pip install 'tensorflow[and-cuda]'; fi"
    # nohup: the training continues after you log out
    remote "nohup samplernn/.venv/bin/samplernn train --data_dir recordings $(quoted "$@") \
        >train.log 2>&1 </dev/null &"
    echo "training on $host; sh $0 follow $host shows the output"
}

case $action in
start) start "$@" ;;
follow) remote "tail -n 20 -F train.log" ;;
fetch)
    [ $# -eq 1 ] || fail "fetch: where to (give a FOLDER)"
    mkdir -p "$1"
    remote "tar -czf - logdir" | tar -C "$1" -xzf -
    ;;
*) fail "no action $action ($usage)" ;;
esac
