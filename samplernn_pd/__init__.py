"""The class behind `[pyext samplernn_pd samplernn]`.

Standard library only: it runs in the Python inside Pd, which has nothing else.
Outside Pd there is no `pyext` module and so no `samplernn` class; the modules
that know nothing of Pd can still be imported there.
"""

try:
    import pyext  # noqa: F401  (the Pd external, there only inside Pd)
except ModuleNotFoundError:
    pass
else:
    from samplernn_pd.library import import_sopilib

    import_sopilib()
    from samplernn_pd.external import samplernn  # noqa: F401
