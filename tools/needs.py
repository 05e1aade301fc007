"""Which pipelines need another's results first, for the Makefile: a word ``pipeline:needed`` for each.

It runs before there is an environment, so it knows no YAML but the one key that it looks for; the stages read the whole
file, and refuse what is wrong in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

NEEDS = {
    "pseudo": ("pipelines", "test.parquet"),
    "image_features": ("pipeline", "oof.parquet"),
    "features": ("pipeline", "oof.parquet"),
}
"""A key of a pipeline's file, the key in it that names other pipelines, and which result of theirs is needed."""


def needs(folder: Path) -> Iterator[str]:
    """The words, sorted by pipeline; a name without a file is left out."""
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    for name, path in files.items():
        text = path.read_text(encoding="utf-8", errors="replace")
        for section, (key, result) in NEEDS.items():
            for other in named(text, section, key):
                if other in files and other != name:
                    yield f"{name}/oof.parquet:{other}/{result}"


def named(text: str, section: str, key: str) -> list[str]:
    """The names that stand under a key of a section at the left margin: one, or a list in either style of YAML."""
    text = re.sub(r"(^|[ \t])#.*", "", text, flags=re.M)
    found = re.search(rf"^{section}:(.*?)(?=^[^\s\]}}-]|\Z)", text, flags=re.M | re.S)
    if found is None:
        return []
    values = re.findall(rf"\b{key}:(\s*\[[^\]]*\]|(?:\s*\n\s*-[ \t]+[^\s,}}]+)+|[ \t]*[^\s,}}]+)", found[1])
    return [name for value in values for name in re.findall(r"[^\s\[\],'\"]+", re.sub(r"(?m)^\s*-[ \t]", " ", value))]


if __name__ == "__main__":
    print(*needs(Path(sys.argv[1])))
