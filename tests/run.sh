#!/bin/sh
# Run the tests in three parts: two files at a time, then two of those that play live at a time,
# then, alone, those that measure time.
#   sh tests/run.sh TESTS...
# Each part runs whatever becomes of the others. The exit status is that of the first part that
# fails; a part without tests is none, unless all have none.
set -u
cd "$(dirname "$0")/.."
no_tests=5 # pytest's exit status
failed=0
found=0

# Runs the tests with a marker expression, with further arguments of pytest.
part() {
    .venv/bin/python -m pytest -m "$@"
    status=$?
    if [ $status -ne $no_tests ]; then found=1; fi
    if [ $failed -eq 0 ] && [ $status -ne $no_tests ]; then failed=$status; fi
}

# in the order of tests/conftest.py, the longest first
by_two="-n 2 --dist loadfile --no-loadscope-reorder"
part "not live and not realtime" $by_two "$@"
part "live and not realtime" $by_two "$@"
part "realtime" "$@"

if [ $found -eq 0 ]; then exit $no_tests; fi
exit $failed
