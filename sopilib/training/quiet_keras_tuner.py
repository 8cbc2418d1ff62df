"""Keras Tuner and gRPC, imported without their notes: the one place that imports them.

Keras Tuner imports TensorFlow, whose notes `sopilib.model.quiet_tensorflow` holds back if it
comes first. gRPC reads its verbosity when it is imported; our own errors say what goes wrong.
"""

import os

from sopilib.model.quiet_tensorflow import without_notes

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

with without_notes():
    import grpc
    import keras_tuner
    from keras_tuner.engine.base_tuner import BaseTuner
    from keras_tuner.engine.trial import Trial
    from keras_tuner.errors import FailedTrialError, FatalError
    from keras_tuner.src import config, protos
    from keras_tuner.src.distribute import oracle_chief

config.DEBUG = False  # a failed trial prints one line, without a traceback

__all__ = [
    "BaseTuner",
    "FailedTrialError",
    "FatalError",
    "Trial",
    "grpc",
    "keras_tuner",
    "oracle_chief",
    "protos",
]
