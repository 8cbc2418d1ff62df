"""The version of the Pd whose process this is, as Pd tells its externals."""

import ctypes

MULTICHANNEL = (0, 54)  # the first with signals of several channels


def pd_version() -> tuple[int, int, int] | None:
    """Return the version as (0, 53, 1), None where this is no Pd or it does not tell."""
    try:
        get_version = ctypes.CDLL(None).sys_getversion
    except (AttributeError, OSError, TypeError):
        return None
    parts = [ctypes.c_int() for _ in range(3)]
    get_version(*map(ctypes.byref, parts))
    major, minor, bugfix = (part.value for part in parts)
    return major, minor, bugfix


def multichannel_refusal(version: tuple[int, int, int] | None) -> str | None:
    """Return why a Pd of this version has no signals of several channels, None if it has."""
    if version is not None and version[:2] >= MULTICHANNEL:
        return None
    own = "of an unknown version" if version is None else ".".join(map(str, version))
    least = ".".join(map(str, MULTICHANNEL))
    return (
        f"multichannel: [samplernn~ -m] needs Pd {least} or later and this is Pd {own} "
        "(use a NAME and [samplernn-voice~ NAME N])"
    )
