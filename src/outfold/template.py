"""The files of a contest folder in the package: the demo, the notebook, a README line for empty folders.

The repository's own competition/, pipelines/, notebooks/, inputs/ and submissions/ begin as copies of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from outfold.errors import ConfigError

FILES = Path(__file__).resolve().parent / "template_files"
NOTEBOOK = "notebooks/oof.ipynb"
README = "README.md"


def template_names() -> list[str]:
    """Every file, relative to a contest folder, with forward slashes."""
    return sorted(path.relative_to(FILES).as_posix() for path in FILES.rglob("*") if path.is_file())


def write_template(folder: Path) -> list[str]:
    """Write the demo contest into a folder that is new or empty; returns the names of the files.

    Raises:
        ConfigError: the folder holds something, or is a file; nothing is written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        raise ConfigError(f"{folder}: it {what}", remedy="Name a folder that is not there yet, or an empty one.")
    names = template_names()
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / name, folder / name)
    return names


def is_placeholder(path: Path) -> bool:
    """Whether ``path`` is the README line that keeps inputs/ in the repository, and no data of the contest's."""
    if path.name != README or not path.is_file():
        return False
    known = (FILES / "inputs" / README).read_bytes()
    return path.stat().st_size == len(known) and path.read_bytes() == known
