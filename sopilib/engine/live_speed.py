"""Define "live", in times real time of one voice, lowest limit first."""

# a slower stream would run out of sound and is refused
SLOWEST_STREAM = 1.05

# a stream adds threads until it is this fast: headroom for other work of the machine
COMFORTABLE_STREAM = 1.5

# `auto` picks a precision that is this fast: if Pd or another program takes a core, more
# than half of the speed is lost, and the sound must still not run out
LIVE = 2.5
