"""A long test of the live instrument: random messages to a real Pd, and what they lead to."""
