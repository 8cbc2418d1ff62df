#!/bin/sh
# Run the tests in two parts: first two files at a time, then those that play live
# or measure speed, alone.
#   sh tests/run.sh TESTS...
# Both parts run whatever becomes of the first. The exit status is that of the first part that
# fails; a part without tests is none, unless both have none.
set -u
cd "$(dirname "$0")/.."
no_tests=5 # pytest's exit status

.venv/bin/python -m pytest -n 2 --dist loadfile -m "not realtime" "$@"
together=$?
.venv/bin/python -m pytest -m realtime "$@"
alone=$?

if [ $together -ne 0 ] && [ $together -ne $no_tests ]; then exit $together; fi
if [ $alone -ne 0 ] && [ $alone -ne $no_tests ]; then exit $alone; fi
if [ $together -eq $no_tests ] && [ $alone -eq $no_tests ]; then exit $no_tests; fi
