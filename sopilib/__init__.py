"""SampleRNN for Pure Data: everything that does not depend on Pd.

Importing this package imports neither numpy nor TensorFlow, so that the class
inside Pd, which has the standard library only, can share `sopilib.protocol`.
"""

__version__ = "0.1.0"
