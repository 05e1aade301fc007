"""Files that operating systems add to folders: macOS metadata, Windows thumbnails, network-disk indexes."""

from __future__ import annotations

import stat
from pathlib import PurePosixPath

_FOLDERS = frozenset(
    {
        "__macosx",
        "@eadir",
        "$recycle.bin",
        "system volume information",
        ".spotlight-v100",
        ".trashes",
        ".fseventsd",
        ".ipynb_checkpoints",
    }
)
_FILES = frozenset({".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})


def is_system_file(path: str) -> bool:
    """Whether a file, by its name or by a folder above it, belongs to a computer's system and not to the data.

    Args:
        path: with / between folders; relative to the folder of data, since what lies above that says nothing.
    """
    *folders, name = (part.lower() for part in PurePosixPath(path).parts or ("",))
    return name.startswith("._") or name in _FILES or name in _FOLDERS or any(part in _FOLDERS for part in folders)


_OTHERS = {
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def endless_kind(mode: int) -> str | None:
    """What a path of this mode (``os.stat``) is, where reading it may never end; None for files and folders."""
    return _OTHERS.get(stat.S_IFMT(mode))
