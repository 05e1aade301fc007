"""Kaggle's credentials: the ones that log in, from the places and in the order of its client. Never shown."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from outfold.errors import HostError
from outfold.secret_sources import is_credential_file, kaggle_folder, read_credential_file, trim, user_home

HOW_TO = (
    "Make a token at https://www.kaggle.com/settings/api and save it as ~/.kaggle/access_token (or set"
    " KAGGLE_API_TOKEN); or save the older kaggle.json in ~/.kaggle/ (or set KAGGLE_USERNAME and KAGGLE_KEY); or run"
    " `kaggle auth login`."
)


@dataclass(frozen=True)
class Credentials:
    """What was found first, and where. A token, or a user name and a key; neither after ``kaggle auth login``.

    The user name and key beside a token are tried where Kaggle does not accept the token.

    Args:
        source: the place in words: a variable's name or a file's path.
        path: the file, where it is one.
        token, user, key: trimmed; not part of the repr.
    """

    source: str
    path: Path | None = None
    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for what, value in (("token", self.token), ("user name", self.user), ("key", self.key)):
            odd = next((i for i, c in enumerate(value or "") if not 0x21 <= ord(c) <= 0x7E), None)
            if odd is not None:
                raise HostError(
                    f"the {what} from {self.source} has a blank, line end or non-ASCII character at place {odd + 1} of"
                    f" {len(value or '')}",
                    remedy="Copy it again from https://www.kaggle.com/settings/api, without anything around it.",
                )

    def warning(self) -> str | None:
        """A warning when other users of the machine can read the file, naming the command that ends it."""
        if self.path is None or os.name != "posix":
            return None
        if stat.S_IMODE(self.path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{self.path} can be read by other users of this machine: run `chmod 600 {self.path}`"
        return None


def find_credentials(env: Mapping[str, str] | None = None, home: Path | None = None) -> Credentials:
    """The credentials to log in with: access token, then user name and key, then `kaggle auth login`.

    Empty variables and files count as absent.

    Raises:
        HostError: there are none, or the ones found are incomplete or damaged; says how to get some.
    """
    env = os.environ if env is None else env
    home = user_home() if home is None else home
    token = _notebook_token(env) or _token(env, home)
    if token is None:
        return _user_and_key(env, home) or _oauth(home) or _none(env, home)
    with contextlib.suppress(HostError):
        if (beside := _user_and_key(env, home)) is not None:
            return replace(token, user=beside.user, key=beside.key)
    return token


def _read(path: Path) -> str:
    try:
        return read_credential_file(path)
    except (OSError, UnicodeError) as error:
        raise HostError(f"{path} cannot be read: {type(error).__name__}", remedy=HOW_TO) from None


def _notebook_token(env: Mapping[str, str]) -> Credentials | None:
    path = Path(trim(env.get("KAGGLE_API_V1_TOKEN")))
    in_notebook = "KAGGLE_KERNEL_RUN_TYPE" in env and "KAGGLE_DATA_PROXY_URL" in env
    if not in_notebook or not is_credential_file(path):
        return None
    token = _read(path)
    # the notebook's own file: its permissions are Kaggle's business
    return Credentials("the Kaggle notebook", token=token) if token else None


def _token(env: Mapping[str, str], home: Path) -> Credentials | None:
    given = trim(env.get("KAGGLE_API_TOKEN"))
    if given:
        if is_credential_file(Path(given)):
            token = _read(Path(given))
            if not token:
                raise HostError(f"the file that KAGGLE_API_TOKEN names, {given}, is empty", remedy=HOW_TO)
            return Credentials(f"the file that KAGGLE_API_TOKEN names, {given}", Path(given), token)
        return Credentials("the variable KAGGLE_API_TOKEN", token=given)
    for name in ("access_token", "access_token.txt"):
        path = home / ".kaggle" / name
        if path.exists() and (token := _read(path)):
            return Credentials(str(path), path, token)
    return None


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(path) or "{}")
    except json.JSONDecodeError as error:
        raise HostError(f"{path} is not JSON (line {error.lineno})", remedy=HOW_TO) from None
    if not isinstance(value, dict):
        raise HostError(f"{path} must hold a JSON object with username and key", remedy=HOW_TO)
    return value


def _user_and_key(env: Mapping[str, str], home: Path) -> Credentials | None:
    user, key = trim(env.get("KAGGLE_USERNAME")), trim(env.get("KAGGLE_KEY"))
    if user and key:
        return Credentials("the variables KAGGLE_USERNAME and KAGGLE_KEY", user=user, key=key)
    path = kaggle_folder(env, home) / "kaggle.json"
    stored = _json(path) if path.exists() else {}
    user = user or trim(str(stored.get("username") or ""))
    key = key or trim(str(stored.get("key") or ""))
    if user and key:
        return Credentials(str(path), path, user=user, key=key)
    if user or key:
        lacking = "user name (KAGGLE_USERNAME)" if key else "key (KAGGLE_KEY)"
        raise HostError(f"Kaggle's credentials are incomplete: there is no {lacking}", remedy=HOW_TO)
    return None


def _oauth(home: Path) -> Credentials | None:
    path = home / ".kaggle" / "credentials.json"
    if not path.exists() or not _json(path).get("refresh_token"):
        return None
    return Credentials(f"`kaggle auth login` ({path})", path)


def _none(env: Mapping[str, str], home: Path) -> Credentials:
    where = kaggle_folder(env, home) / "kaggle.json"
    raise HostError(
        f"no Kaggle credentials: neither in the environment nor in {home / '.kaggle'} nor in {where}", remedy=HOW_TO
    )
