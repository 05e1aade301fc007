"""Credentials in environment variables and files of this machine.

:mod:`outfold.hosts.credentials` chooses one of them to log in with; :mod:`outfold.redaction` hides all of them.
"""

from __future__ import annotations

import codecs
import functools
import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

_SECRET_NAME = re.compile(
    r"(?i)(^|_)(api_?token|token|secret|passw(or)?d|passphrase|api_?key|access_?key|secret_?key)$"
)
"""Names of environment variables, and keys of JSON files, with a secret value."""
_KAGGLE_SECRETS = ("KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_API_V1_TOKEN")
_QUOTED = re.compile(r"""["']([^"'\s]{8,})["']""")
_LONGEST_FILE = 1 << 20
_LONGEST_WORD = 12
_ORDINARY = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[+-]?[0-9]+([.][0-9]*)?")


def trim(value: str | None) -> str:
    """``value`` without the invisible characters around it: blanks, line ends, a byte order mark, zero-width spaces."""
    text = value or ""
    begin, end = 0, len(text)
    while begin < end and _is_invisible(text[begin]):
        begin += 1
    while end > begin and _is_invisible(text[end - 1]):
        end -= 1
    return text[begin:end]


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character)[0] in "ZC"


def read_credential_file(path: Path) -> str:
    """The text of a credential file, trimmed; UTF-8 or, as Windows' PowerShell writes it, UTF-16.

    Raises:
        OSError: the file cannot be read, or is too long for a credential.
        UnicodeError: it is not text.
    """
    with path.open("rb") as file:
        data = file.read(_LONGEST_FILE + 1)
    if len(data) > _LONGEST_FILE:
        raise OSError("too long for a credential file")
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return trim(data.decode("utf-16" if utf16 else "utf-8-sig"))


def is_credential_file(path: Path) -> bool:
    """Whether ``path`` is a regular file; False where it cannot be one (too long, a null character)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def kaggle_folder(env: Mapping[str, str], home: Path) -> Path:
    """The folder of kaggle.json, as Kaggle's client chooses it."""
    if named := trim(env.get("KAGGLE_CONFIG_DIR")):
        return Path(named)
    usual = home / ".kaggle"
    if usual.exists() or not sys.platform.startswith("linux"):
        return usual
    return Path(trim(env.get("XDG_CONFIG_HOME")) or home / ".config") / "kaggle"


def kaggle_files(env: Mapping[str, str], home: Path) -> list[Path]:
    """Paths of all files that may hold Kaggle credentials, existing or not."""
    files = _usual_files(str(home), trim(env.get("KAGGLE_CONFIG_DIR")), trim(env.get("XDG_CONFIG_HOME")))
    named = [trim(env.get(name)) for name in ("KAGGLE_API_TOKEN", "KAGGLE_API_V1_TOKEN")]
    return [*files, *(Path(name) for name in named if name and is_credential_file(Path(name)))]


@functools.lru_cache(maxsize=16)
def _usual_files(home: str, kaggle_folder: str, config_folder: str) -> tuple[Path, ...]:
    """The files of Kaggle's client in each folder that it may choose."""
    folders = [Path(home, ".kaggle"), Path(home, ".config", "kaggle")]
    folders += [Path(config_folder, "kaggle")] if config_folder else []
    folders += [Path(kaggle_folder)] if kaggle_folder else []
    names = ("access_token", "access_token.txt", "kaggle.json", "credentials.json")
    return tuple(folder / name for folder in dict.fromkeys(folders) for name in names)


def secrets_in_environment(env: Mapping[str, str]) -> Iterator[str]:
    """Values of variables that hold secrets, and the passwords of proxies' addresses.

    A word or a number in a variable that is not Kaggle's (``DB_PASSWORD=postgres``, ``MAX_TOKEN=100000``) is left out:
    hiding it would also hide names and ids in ordinary text.
    """
    for name in env:
        kind = _kind_of_variable(name)
        if kind is None:
            continue
        value = trim(env[name])
        if kind == "proxy":
            yield from _password(value)
        elif value and not (kind == "secret" and _is_ordinary(value)) and not is_credential_file(Path(value)):
            yield value


@functools.lru_cache(maxsize=4096)
def _kind_of_variable(name: str) -> Literal["kaggle", "secret", "proxy"] | None:
    """What a variable of this name may hold; None for no secret."""
    if name in _KAGGLE_SECRETS:
        return "kaggle"
    if _SECRET_NAME.search(name):
        return "secret"
    return "proxy" if name.lower().endswith("_proxy") else None


def _is_ordinary(value: str) -> bool:
    """Whether a value is a single short word or a number, as ordinary text has them."""
    return len(value) < _LONGEST_WORD and _ORDINARY.fullmatch(value) is not None


def _password(address: str) -> Iterator[str]:
    if "@" not in address:
        return
    try:
        password = urlsplit(address if "://" in address else f"//{address}").password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def secrets_in_file(path: Path) -> Iterator[str]:
    """The secrets of a credential file; of a damaged one, everything that may be a secret."""
    try:
        text = read_credential_file(path)
    except (OSError, UnicodeError):
        return
    if not text.startswith(("{", "[")):
        yield text
        yield from (trim(line) for line in text.splitlines())
        return
    try:
        yield from _secrets_of(json.loads(text))
    except (ValueError, RecursionError):
        yield from _QUOTED.findall(text)


def _secrets_of(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets_of(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_of(item, name)
    elif isinstance(value, str) and (name == "key" or _SECRET_NAME.search(name)):
        yield trim(value)


def state(env: Mapping[str, str], home: Path) -> tuple[Any, ...]:
    """Secrets in variables, with times and sizes of credential files: equal as long as no credential changes."""
    files = []
    for path in kaggle_files(env, home):
        try:
            facts = path.stat()
        except (OSError, ValueError):
            continue
        files.append((str(path), facts.st_mtime_ns, facts.st_size))
    return tuple(secrets_in_environment(env)), tuple(files)


def user_home() -> Path:
    """The user's home folder."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.expanduser raises where there is none


def secrets_on_this_machine(env: Mapping[str, str], home: Path) -> set[str]:
    """All credentials of this machine, in use or not."""
    found = set(secrets_in_environment(env))
    for path in kaggle_files(env, home):
        found |= set(secrets_in_file(path))
    return found
