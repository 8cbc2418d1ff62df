"""The `samplernn` command, one module for each subcommand."""

INTERRUPTED = 130  # exit status after Ctrl-C
