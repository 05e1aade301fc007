"""What was downloaded into ``inputs/``: a list of files with sizes and hashes, beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from outfold.hosts.zip_files import Unpacked
from outfold.progress import Reporter
from outfold.store.atomic import write_json

NAME = ".downloaded.json"


def read(inputs: Path, slug: str) -> dict[str, Unpacked] | None:
    """The files that an earlier download of this contest left; None where there is no such list."""
    try:
        told = json.loads((inputs / NAME).read_text(encoding="utf-8"))
        if told["slug"] != slug:
            return None
        listed = {name: Unpacked(facts["size"], facts["sha256"]) for name, facts in told["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # no list, or none that can be trusted: everything is then downloaded anew, which is always right
        return None
    whole = all(type(facts.size) is int and isinstance(facts.sha256, str) for facts in listed.values())
    return listed if whole else None


def write(inputs: Path, slug: str, files: Mapping[str, Unpacked]) -> None:
    """Leave the list; the last step of a download."""
    listed = {name: {"size": facts.size, "sha256": facts.sha256} for name, facts in files.items()}
    write_json(inputs / NAME, {"slug": slug, "files": listed})


def unlike(inputs: Path, files: Mapping[str, Unpacked], reporter: Reporter) -> list[str]:
    """The files that are missing or differ from the list, hashed anew."""
    sized = {name for name, facts in files.items() if _size(inputs / name) == facts.size}
    bad = [name for name in files if name not in sized]
    with reporter.bar("verify", sum(files[name].size for name in sized), unit="B") as bar:
        for name in sized:
            with (inputs / name).open("rb") as opened:
                if hashlib.file_digest(opened, "sha256").hexdigest() != files[name].sha256:
                    bad.append(name)
            bar.advance(files[name].size)
    return sorted(bad)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
