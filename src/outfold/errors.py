"""What a user can mend: one kind of error, told in one sentence, without a traceback."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from outfold.plain_text import one_line
from outfold.yaml_lines import in_file, with_line

CONTEST_FILE = "competition/competition.yaml"
"""What messages of code that knows no paths call the contest file."""

LONGEST_QUOTE = 200
"""Characters of a value from outside (a cell, a name, a key) that a message shows."""

LONGEST_LINE = 2_000
"""Characters of one line of a message; what no :func:`shorten` has cut before is cut here."""


def shorten(value: object, limit: int = LONGEST_QUOTE) -> str:
    """A value from outside as text for a message: whole where it is short, else its beginning and its length."""
    text = one_line(str(value))
    return text if len(text) <= limit else f"{text[: limit - 20]}... ({len(text):,} characters)"


def quoted(value: object, limit: int = LONGEST_QUOTE) -> str:
    """``repr`` of a value from outside, no longer than a message can bear."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, str) and len(value) > limit:
        return f"{one_line(repr(value[: limit - 20]))}... ({len(value):,} characters)"
    return shorten(repr(value), limit)


def in_yaml(name: object) -> str:
    """A name as a remedy writes it into a YAML file: in double quotes where it would not be read as it stands."""
    if not isinstance(name, str):
        return str(name)
    return name if _PLAIN.fullmatch(name) and name.lower() not in _NOT_TEXT else json.dumps(name, ensure_ascii=False)


_PLAIN = re.compile(r"[^\W\d](?:[\w .()/+-]*[\w.()/+-])?")
_BROKEN = re.compile("[\r\n]")
_NOT_TEXT = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


def is_utf8(text: str) -> bool:
    """Whether a text has no lone surrogates, as arguments and file names have for bytes that are no UTF-8."""
    return text == text.encode("utf-8", "ignore").decode("utf-8")


def bounded(message: str) -> str:
    """A message as a terminal can show it: no control characters but line breaks, no endless line."""
    return "\n".join(_bounded_line(line) for line in message.split("\n"))


def _bounded_line(line: str) -> str:
    """A line without its middle where it is too long: its end most often says what was expected."""
    line = one_line(line)
    if len(line) <= LONGEST_LINE:
        return line
    end = LONGEST_LINE // 4
    return f"{line[: LONGEST_LINE - end]} ... ({len(line):,} characters in all) ... {line[-end:]}"


class OutfoldError(Exception):
    """A mistake that the user can mend; the command line prints it and exits with 2.

    Args:
        message: what is wrong, naming the file, the key or the row, and what was expected. One that begins with
            ``file.yaml: key: `` is given the line of the key in that file: ``file.yaml:7: key: ``.
        remedy: what to do about it, as a sentence; printed on a line of its own.
    """

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        from outfold.redaction import redact  # here, so that --help starts fast

        # before it is cut: half a secret would not be recognised
        self.message = bounded(redact(with_line(message)))
        super().__init__(self.message)
        self.remedy = None if remedy is None else bounded(redact(remedy))

    def __str__(self) -> str:
        return self.message if self.remedy is None else f"{self.message}\n  {self.remedy}"


class ConfigError(OutfoldError):
    """A YAML file is not what its schema says."""


@contextlib.contextmanager
def under(key: str) -> Iterator[None]:
    """ConfigErrors raised within begin with this key, or file and key: ``pipelines/x.yaml: objective``."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{key}: {error.message}", remedy=error.remedy) from error


@contextlib.contextmanager
def in_contest_file(path: Path) -> Iterator[None]:
    """ConfigErrors raised within that begin with a key of the contest file name the file and the key's line."""
    try:
        yield
    except ConfigError as error:
        message = in_file(error.message.removeprefix(f"{CONTEST_FILE}: "), path)
        if message == error.message:
            raise
        raise ConfigError(message, remedy=error.remedy) from error


class DataError(OutfoldError):
    """A data file is missing, damaged, or contradicts the contest file."""


class DiskFullError(OutfoldError):
    """There is no space left where a file should be written; what was there is as it was."""


class HostError(OutfoldError):
    """The place where the contest lives refused, failed, or did not answer."""


class SubmissionError(OutfoldError):
    """A submission file that must not be sent."""


class MismatchError(OutfoldError):
    """Predictions that must not be combined: their folds differ, or a fold is missing."""


class Interrupted(OutfoldError):
    """Ctrl-C or SIGTERM: state is saved, and the remedy says what to run next."""


def some(items: Iterable[Any], limit: int = 5) -> str:
    """The first few items for a message, each cut where it is long: ``a, b, c and 4 more``.

    Text with a line break is in double quotes, as a YAML file must write it.
    """
    every = [shorten(in_yaml(item) if _BROKEN.search(str(item)) else item) for item in items]
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"


def nearest(name: str, known: Sequence[str], limit: int = 3) -> str | None:
    """``did you mean a, b?`` for a name that is not among the known ones, or None."""
    if len(name) > LONGEST_QUOTE:
        return None
    lowered = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=limit, cutoff=0.5)
    return f"did you mean {some((lowered[item] for item in close), limit)}?" if close else None
