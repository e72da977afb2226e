"""Office files are archives: packed so that equal content gives equal bytes."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that an archive can hold; it stands for no time at all."""


def without_times(packed: bytes) -> bytes:
    """The same archive with one fixed time in place of that of its making.

    Parameters
    ----------
    packed : bytes

    Returns
    -------
    bytes
        Entries in the same order, with the same content.
    """
    target = BytesIO()
    with ZipFile(BytesIO(packed)) as given, ZipFile(target, "w", ZIP_DEFLATED) as fresh:
        for entry in given.infolist():
            info = ZipInfo(entry.filename, EARLIEST)
            info.compress_type, info.create_system = ZIP_DEFLATED, 0
            fresh.writestr(info, given.read(entry))
    return target.getvalue()
