"""The classes behind `[pyext samplernn_pd samplernn]` and `[pyext samplernn_pd audio_output]`.

It uses the standard library only, because the Python inside Pd has nothing else.
Outside Pd there is no `pyext` module and therefore no `samplernn` class; the modules
that do not depend on Pd can still be imported there.
"""

try:
    import pyext  # noqa: F401  (the Pd external, which exists only inside Pd)
except ModuleNotFoundError:
    pass
else:
    from samplernn_pd.library import import_sopilib

    import_sopilib()
    from samplernn_pd.audio_output import audio_output  # noqa: F401
    from samplernn_pd.external import samplernn  # noqa: F401
