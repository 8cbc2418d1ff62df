"""Round float32 weights to int8, int4 and bfloat16.

int8 has a scale for each row, int4 a scale for each group of 32 columns. Rounding to int4 can
let errors cancel: what counts is the error of the product with the input, not that of a
single weight, and inputs are correlated. The columns are rounded one after the other, and
the error of each is spread over the later columns in proportion to how strongly their inputs
correlate with its own: GPTQ (Frantar et al. 2022, arXiv:2210.17323).
"""

import numpy as np

GROUP = 32

# fraction of the mean input power added to each input, so that silent inputs do no harm
_DAMPING = 0.01


def round_to_int8(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whole numbers -127..127 and the scale of each row, its largest magnitude / 127.

    Args:
      rows: float32 (..., cols).

    Returns:
      float32 (..., cols) and float32 (...).
    """
    scales = np.abs(rows).max(axis=-1) / np.float32(127)
    return np.rint(rows / _divisor(scales)[..., np.newaxis]), scales


def round_to_int4(
    matrix: np.ndarray, moment: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes 0..15, which stand for -8..7, and a bfloat16 scale for each group.

    Args:
      matrix: float32 (rows, cols), cols a multiple of 32.
      moment: (cols, cols) mean products of the inputs that the matrix multiplies, or
        None to round the weights one by one.

    Returns:
      uint8 (rows, cols) and the upper halves of the scales, uint16 (rows, cols / 32).
    """
    if moment is None:
        groups = matrix.reshape(len(matrix), -1, GROUP)
        scales = _group_scales(groups)
        return _codes(groups, scales).reshape(matrix.shape), bfloat16_bits(scales[..., 0])
    return _round_together(matrix.copy(), _influence(moment))


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """Return the upper halves, uint16, of float32 values, rounded to nearest even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def _round_together(weights: np.ndarray, influence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same as `round_to_int4`; overwrite `weights`."""
    rows, cols = weights.shape
    codes = np.empty((rows, cols), np.uint8)
    scales = np.empty((rows, cols // GROUP), np.float32)
    for begin in range(0, cols, GROUP):
        end = begin + GROUP
        scale = _group_scales(weights[:, begin:end])  # (rows, 1)
        errors = np.empty((rows, GROUP), np.float32)
        for col in range(begin, end):
            column = weights[:, col : col + 1]
            codes[:, col : col + 1] = _codes(column, scale)
            rounded = (codes[:, col : col + 1] - np.float32(8)) * scale
            error = (column - rounded) / influence[col, col]
            weights[:, col + 1 : end] -= error * influence[col, col + 1 : end]
            errors[:, col - begin] = error[:, 0]
        weights[:, end:] -= errors @ influence[begin:end, end:]
        scales[:, begin // GROUP] = scale[:, 0]
    return codes, bfloat16_bits(scales)


def _influence(moment: np.ndarray) -> np.ndarray:
    """Return the upper Cholesky factor of the damped moment's inverse, float32 (cols, cols)."""
    damping = _DAMPING * np.trace(moment) / len(moment) or 1.0
    damped = moment + damping * np.eye(len(moment))
    factor: np.ndarray = np.linalg.cholesky(np.linalg.inv(damped)).T
    return factor.astype(np.float32)


def _group_scales(groups: np.ndarray) -> np.ndarray:
    """Return scales (..., 1), exact in bfloat16, that make the widest weight -8."""
    widest = np.abs(groups).argmax(axis=-1, keepdims=True)
    scales = np.take_along_axis(groups, widest, axis=-1) / np.float32(-8)
    return (bfloat16_bits(scales).astype(np.uint32) << 16).view(np.float32)


def _codes(weights: np.ndarray, scales: np.ndarray) -> np.ndarray:
    codes: np.ndarray = np.clip(np.rint(weights / _divisor(scales)) + 8, 0, 15)
    return codes.astype(np.uint8)


def _divisor(scales: np.ndarray) -> np.ndarray:
    return np.where(scales == 0, np.float32(1), scales)
