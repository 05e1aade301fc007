"""Broken YAML as one sentence: the line, what is wrong there, and what to write instead."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from outfold.errors import ConfigError, some

_QUOTE = 'Put the value in quotes ("...").'
_REMEDIES = {
    "cannot start any token": _QUOTE,
    "undefined alias": _QUOTE,
    "mapping values are not allowed": 'Put a value with ": " in it in quotes ("..."), and start the keys of one level '
    "in one column.",
    "expected ',' or '": "Close the list with ] (or the mapping with }), and put commas between its entries.",
    "expected <block end>": "Start the keys of one level, and the dashes of one list, in one column.",
    "another document": "Remove the line `---`, or what stands above it: the file holds one document.",
    "duplicate key": "Remove one of the two.",
}
"""What to do, by a part of the parser's message."""


def syntax_error(path: Path, text: str, error: YAMLError) -> ConfigError:
    """What the YAML parser has found in a file's text, for the person who wrote it."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return ConfigError(f"{path}:{line}: an invisible character (U+{error.character:04X})", remedy="Remove it.")
    if not isinstance(error, MarkedYAMLError):
        return ConfigError(f"{path}: {str(error).splitlines()[0]}")
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or error.context or "not valid YAML").strip().split("\n")[0]
    if mark is None:
        return ConfigError(f"{path}: {problem}")
    if mark.line < len(text.split("\n")) and "\\t" in problem:
        return _tab(path, text, mark.line, mark.column)
    if "end of stream" in problem and error.context_mark is not None:
        line = error.context_mark.line + 1
        return ConfigError(f"{path}:{line}: a quote that opens in this line is never closed", remedy="Close it.")
    remedy = next((remedy for part, remedy in _REMEDIES.items() if part in problem), None)
    return ConfigError(f"{path}:{mark.line + 1}: {problem}", remedy=remedy)


def _tab(path: Path, text: str, line: int, column: int) -> ConfigError:
    lines = text.split("\n")
    indented = [number for number, row in enumerate(lines, 1) if "\t" in row[: len(row) - len(row.lstrip())]]
    where = f"{path}:{line + 1}: column {column + 1}: a tab; YAML allows only spaces"
    if line + 1 not in indented:
        return ConfigError(f"{where} here", remedy="Replace the tab with a space.")
    further = [number for number in indented if number != line + 1]
    rest = f" (tabs in line {some(map(str, further))}, too)" if further else ""
    return ConfigError(
        f"{where} in the indentation{rest}",
        remedy="Indent with spaces, two per level. Most editors convert tabs to spaces on request.",
    )
