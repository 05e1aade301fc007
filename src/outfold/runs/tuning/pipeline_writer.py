"""The pipeline file that a search ends in: the one that was tuned, its comments kept, with what was found."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.util import load_yaml_guess_indent

from outfold.config.dotted import put
from outfold.config.load import pipeline_of, plain, read_yaml
from outfold.errors import ConfigError
from outfold.store.atomic import write_json, write_text
from outfold.store.fingerprint import file_sha256
from outfold.store.paths import Layout
from outfold.store.pipeline_names import check_name

_HEADER = "# Written by `outfold tune "
_WRITTEN = "written.json"


class Output:
    """A pipeline's file that may be written: a new one, one that a search has written and nobody has changed, or any.

    Args:
        force: any.

    Raises:
        ConfigError: it may not, or can be no pipeline's name.
    """

    def __init__(self, layout: Layout, name: str, source: str, *, force: bool) -> None:
        check_name(name, "--output")
        if name == source:
            raise ConfigError(
                f"--output {name}: expected the name of a new pipeline, like {source}-tuned",
                remedy="Its file becomes pipelines/<name>.yaml.",
            )
        self.path, self.source = layout.pipeline_config(name), source
        self._record = layout.tune(source) / _WRITTEN
        if self.path.exists() and not force and file_sha256(self.path) not in self._written(name):
            raise ConfigError(
                f"{self.path}: is there already, and was not written by `outfold tune {source}` as it stands",
                remedy="Say --force to replace it, or --output NAME for another name.",
            )

    def write(self, text: str) -> None:
        """Replace the file, and remember its content.

        A kill at any moment leaves a file that the same command may replace: the record names the new content before
        the file has it, and keeps the old one until then.
        """
        name, new = self.path.stem, hashlib.sha256(text.encode("utf-8")).hexdigest()
        write_json(self._record, {**self._all(), name: [*self._written(name), new]})
        write_text(self.path, text)
        write_json(self._record, {**self._all(), name: [new]})

    def _written(self, name: str) -> list[str]:
        """The hashes of what a search has written, or was about to write, under a name."""
        found = self._all().get(name, [])
        return [found] if isinstance(found, str) else [str(one) for one in found]

    def _all(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}


def shared_text(path: Path, changes: Mapping[str, Any], how: str) -> str:
    """A pipeline's file with other values under some keys.

    Args:
        path: of the file that was tuned.
        how: the command, for the first line.
    """
    content = read_yaml(path)
    for key, value in changes.items():
        put(content, key, value)
    return _text(path, content, how)


def text_by_fold(path: Path, changes: Mapping[int, Mapping[str, Any]], folds: str, how: str) -> str:
    """A pipeline's file with ``by_fold``; keys that differed before and were not searched stay.

    Args:
        folds: the hash of the folds that it belongs to.
    """
    content = read_yaml(path)
    before = {int(fold): keys for fold, keys in content.get("by_fold", {}).items()}
    content["by_fold"] = CommentedMap()
    for fold, keys in sorted(changes.items()):
        own = CommentedMap({**before.get(fold, {}), **keys})
        own.fa.set_flow_style()
        content["by_fold"][fold] = own
    content["tuned_on"] = folds[:12]
    return _text(path, content, how)


def _text(path: Path, content: CommentedMap, how: str) -> str:
    pipeline_of(path, plain(content))  # what is written can be read
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    before = path.read_text(encoding="utf-8")
    _, _, offset = load_yaml_guess_indent(before)
    if offset:
        yaml.indent(mapping=2, sequence=2 + offset, offset=offset)
    text = io.StringIO()
    yaml.dump(content, text)
    kept = "".join(line for line in text.getvalue().splitlines(keepends=True) if not line.startswith(_HEADER))
    return f"{_HEADER}{how}`; see docs/tuning.md\n{kept}"
