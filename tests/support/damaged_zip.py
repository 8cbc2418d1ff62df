"""Damage single bytes of a zip file, such as .npz, that zipfile answers in ways of its own."""

_ENTRY = b"PK\x01\x02"  # of the directory at the end
_FLAGS, _METHOD = 8, 10  # places in an entry


def encrypted(content):
    """Return the bytes of a zip file whose entries say that they are encrypted: RuntimeError."""
    return _with_byte(content, _FLAGS, 1)


def unknown_method(content):
    """Return the bytes of a zip file compressed in no known way: NotImplementedError."""
    return _with_byte(content, _METHOD, 99)


def _with_byte(content, place, value):
    damaged = bytearray(content)
    begin = content.find(_ENTRY)
    while begin >= 0:
        damaged[begin + place] = value
        begin = content.find(_ENTRY, begin + 1)
    return bytes(damaged)
