"""Regular files: the ones whose reading comes to an end."""

from __future__ import annotations

import stat

_OTHERS = {
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def endless_kind(mode: int) -> str | None:
    """What a path of this mode (``os.stat``) is, where reading it may never end; None for files and folders."""
    return _OTHERS.get(stat.S_IFMT(mode))
