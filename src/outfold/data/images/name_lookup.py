"""Image files by the names that a table gives them: the exact name, else the one file that the name can only mean."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from outfold.data.images.files import IMAGE_EXTENSIONS, is_passed_over
from outfold.errors import some

_SAME_ENDING = {".jpeg": ".jpg", ".tiff": ".tif"}


@dataclass(frozen=True)
class Located:
    """Where the images of a part lie.

    Attributes:
        paths: absolute, one per row; of a missing image as it was named.
        there: (n,) which of them exist.
        exact: (n,) which of them were not found under a name other than their own.
        renamed: how many rows were found under a name other than their own, by what differs, with an example each.
    """

    paths: list[str]
    there: np.ndarray
    exact: np.ndarray
    renamed: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def notes(self, part: str) -> list[str]:
        """What was assumed of the names, in words."""
        return [
            f"{count:,} {part} images are found under another name ({how}): {some([named])} is {some([found])}"
            for how, (count, named, found) in self.renamed.items()
        ]


class _Listing:
    """The entries of one folder, listed once."""

    def __init__(self, folder: str) -> None:
        try:
            self.names = frozenset(os.listdir(folder))  # noqa: PTH208 - a Path each is slow
        except (OSError, ValueError):
            self.names = frozenset()

    @cached_property
    def by_stem(self) -> dict[str, str]:
        """For a name without its ending the image that has it."""
        rank = {ending: position for position, ending in enumerate(IMAGE_EXTENSIONS)}
        images = [(rank[ending], name) for name in self.names if (ending := _ending(name)) in rank]
        return {name[: -len(_ending(name))]: name for _, name in sorted(images, reverse=True)}

    @cached_property
    def by_form(self) -> dict[str, str | None]:
        """For a name in its plainest form the entry that has it; None where several have."""
        found: dict[str, str | None] = {}
        for name in self.names:
            if not is_passed_over(name):
                form = _plain(name)
                found[form] = None if form in found else name
        return found

    @cached_property
    def by_stem_form(self) -> dict[str, str | None]:
        """The same for the names of images without their endings."""
        found: dict[str, str | None] = {}
        for name in self.names:
            if _ending(name) in IMAGE_EXTENSIONS and not is_passed_over(name):
                form = _plain(name[: -len(_ending(name))])
                found[form] = None if form in found else name
        return found


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot else ""


def _plain(name: str) -> str:
    """A name without what file systems and programs change: letter case, Unicode form, .jpeg for .jpg."""
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    ending = _ending(plain)
    return plain[: -len(ending)] + _SAME_ENDING[ending] if ending in _SAME_ENDING else plain


class _Folders:
    """The folders below inputs/, each listed once."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._listings: dict[str, _Listing] = {}

    def listing(self, folder: str) -> _Listing:
        listing = self._listings.get(folder)
        if listing is None:
            listing = self._listings[folder] = _Listing(self.absolute(folder))
        return listing

    def absolute(self, path: str) -> str:
        """The absolute path of one below inputs/; an absolute one stays."""
        return os.path.join(self.base, path)  # noqa: PTH118 - a Path each is slow

    def as_named(self, path: str) -> str | None:
        """The path of this file; one whose ending was left out gets the ending that is there."""
        name = path.rpartition("/")[2]
        listing = self.listing(path[: len(path) - len(name)])
        if name in listing.names:
            return path
        found = listing.by_stem.get(name)
        return None if found is None else path[: len(path) - len(name)] + found

    def alike(self, path: str) -> str | None:
        """The one file whose folders and name differ from these in form alone."""
        *folders, name = path.split("/")
        folder = ""
        for part in folders:
            listing = self.listing(folder)
            entry = part if part in listing.names else listing.by_form.get(_plain(part))
            if entry is None:
                return None
            folder = f"{folder}/{entry}" if folder else entry
        listing = self.listing(folder)
        plain = _plain(name)
        # the whole name decides before the name without its ending
        entry = listing.by_form[plain] if plain in listing.by_form else listing.by_stem_form.get(plain)
        if entry is None:
            return None
        return f"{folder}/{entry}" if folder else entry


def _spellings(path: str, folders: _Folders) -> list[str]:
    """What a path may mean that is no path below inputs/ as it stands, the nearest first."""
    slashes = path.replace("\\", "/")
    spelt = [path, slashes, unquote(slashes)]
    tidy = ["/".join(part for part in one.split("/") if part not in ("", ".")) for one in spelt]
    found = list(dict.fromkeys(one for one in tidy if ".." not in one.split("/")))
    # a path of another machine, whose first folder is unknown here: its last folders are those below inputs/
    foreign = [one for one in found if "/" in one and _plain(one.split("/", 1)[0]) not in folders.listing("").by_form]
    return [*found, *(one.split("/", skipped)[-1] for one in foreign for skipped in range(1, one.count("/") + 1))]


def _difference(named: str, found: str) -> str:
    """What differs between a name and the file that it means, in words."""
    differs = []
    spelt = named
    if "\\" in spelt:
        differs.append("/ for \\")
        spelt = spelt.replace("\\", "/")
    if "%" in spelt and unquote(spelt) != spelt and "%" not in found:
        differs.append("characters for %XX")
        spelt = unquote(spelt)
    tidy = [part for part in spelt.split("/") if part not in ("", ".")]
    lasts = tidy[-found.count("/") - 1 :]
    if len(lasts) < len(tidy):
        differs.append("without its first folders")
    if unicodedata.normalize("NFC", "/".join(lasts)) != "/".join(lasts) or unicodedata.normalize("NFC", found) != found:
        differs.append("another form of Unicode")
    form, other = (unicodedata.normalize("NFC", text) for text in ("/".join(lasts), found))
    if form != other:
        differs.append("letter case" if form.casefold() == other.casefold() else "another ending")
    return ", ".join(differs) or "written otherwise"


def locate(inputs: Path, relative: Sequence[str]) -> Located:
    """Find the images, with one listing a folder.

    A name that is not there may still mean one file alone: with / for a backslash, in other letter case, in another
    form of Unicode, with %20 for a blank, or below folders of another machine. Where it could mean two files, or two
    names would mean one, it stays missing.
    """
    folders = _Folders(os.fspath(inputs.absolute()))
    paths: list[str] = []
    missing: list[int] = []
    for row, path in enumerate(relative):
        found = folders.as_named(path)
        if found is None:
            missing.append(row)
        paths.append(folders.absolute(path if found is None else found))
    there = np.ones(len(paths), dtype=bool)
    there[missing] = False
    guessed: dict[str, str | None] = {}
    for row in missing:
        name = relative[row]
        if name not in guessed:
            spellings = _spellings(name, folders)
            guessed[name] = next((found for one in spellings if (found := folders.alike(one)) is not None), None)
    meant = Counter(found for found in guessed.values() if found is not None)
    exact = {path for row, path in enumerate(paths) if there[row]} if guessed else set()
    renamed: dict[str, tuple[int, str, str]] = {}
    unrenamed = np.ones(len(paths), dtype=bool)
    for row in missing:
        found = guessed[relative[row]]
        if found is None or meant[found] > 1 or folders.absolute(found) in exact:
            continue
        paths[row], there[row], unrenamed[row] = folders.absolute(found), True, False
        if not _is_tidied(relative[row], found):
            how = _difference(relative[row], found)
            count, named, example = renamed.get(how, (0, relative[row], found))
            renamed[how] = count + 1, named, example
    return Located(paths, there, unrenamed, renamed)


def _is_tidied(named: str, found: str) -> bool:
    """Whether a name differs from the file's path by ``./`` and doubled slashes alone, which says nothing else."""
    return not named.startswith("/") and os.path.normpath(named) == found
