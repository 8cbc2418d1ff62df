"""The messages between Pd and the worker, and their bytes on the pipe. See PROTOCOL.md."""
