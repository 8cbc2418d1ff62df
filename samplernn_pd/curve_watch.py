"""An array in which the performer draws the temperature while it is being followed."""

import time

_LOOK_EVERY_S = 0.1


class CurveWatch:
    """Notices when the array `name` has been drawn anew.

    Args:
        curve: its samples as bytes, as they are being followed.
        seconds: in which it passes again and again.
        arrays: as `samplernn_pd.arrays.PdArrays`.
    """

    def __init__(self, name, curve, seconds, arrays):
        self.seconds = seconds
        self._name, self._curve, self._arrays = name, curve, arrays
        self._looked_at = time.monotonic()

    def new_curve(self):
        """Returns the samples as bytes if they have changed, else None."""
        if time.monotonic() - self._looked_at < _LOOK_EVERY_S:
            return None
        self._looked_at = time.monotonic()
        if not self._arrays.length(self._name):
            return None
        curve = self._arrays.read(self._name)
        if curve == self._curve:
            return None
        self._curve = curve
        return curve
