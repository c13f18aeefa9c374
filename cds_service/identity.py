"""New names for what nobody has named yet."""

import os


def new_uuid() -> str:
    """Return a random UUID of version 4; a call needs seven, and the library's own takes three times as long."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
