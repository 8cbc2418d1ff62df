"""The errors that a user may see, under one base class.

Every message is one line, `what is wrong (how to fix it)`, ready to show as it is in a
terminal or in Pd. Any other exception is a defect of the program.
"""


class SampleRNNError(Exception):
    """Base class of all errors whose text is meant for the user."""


class ConfigError(SampleRNNError):
    """A model's config file is missing, ambiguous, malformed or out of range."""


class CheckpointError(SampleRNNError):
    """A checkpoint is missing, damaged, or does not fit its config."""


class AudioError(SampleRNNError):
    """A sound file or buffer cannot be read, written or used."""


class RequestError(SampleRNNError):
    """A request (length, temperature, number of voices, ...) cannot be met."""


class PythonError(RequestError):
    """The Python of this process lacks what a request needs; another may have it."""


class RecordError(SampleRNNError):
    """The record of a take is missing, damaged or of another version."""


class ProtocolError(SampleRNNError):
    """Bytes on the pipe between Pd and the worker do not follow docs/protocol.md."""
