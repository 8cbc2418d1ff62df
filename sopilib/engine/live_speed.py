"""What "live" means, in times real time of one voice, the least first."""

# a stream that is slower runs out of sound and is refused
SLOWEST_STREAM = 1.05

# a stream uses more threads until it is this fast: room for what else the machine does
COMFORTABLE_STREAM = 1.5

# `auto` picks a precision that is this fast: where Pd or another program takes a core, more
# than half of the speed is lost, and the sound must not run out
LIVE = 2.5
