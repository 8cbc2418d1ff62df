"""The messages between Pd and the worker, and their bytes on the pipe. See docs/protocol.md."""
