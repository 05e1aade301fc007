"""Where Kaggle's credentials are: the places that its client looks in, in its order. Values are never shown."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outfold.errors import HostError

HOW_TO = (
    "Make a token at https://www.kaggle.com/settings/api and save it as ~/.kaggle/access_token (or set"
    " KAGGLE_API_TOKEN); or save the older kaggle.json in ~/.kaggle/ (or set KAGGLE_USERNAME and KAGGLE_KEY); or run"
    " `kaggle auth login`."
)


@dataclass(frozen=True)
class Credentials:
    """What was found first, and where.

    Args:
        source: the place in words: a variable's name or a file's path.
        path: the file, where it is one.
        secrets: what must never be shown; not part of the repr.
    """

    source: str
    path: Path | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def warning(self) -> str | None:
        """A warning when other users of the machine can read the file, naming the command that ends it."""
        if self.path is None or os.name != "posix":
            return None
        if stat.S_IMODE(self.path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{self.path} can be read by other users of this machine: run `chmod 600 {self.path}`"
        return None

    def scrub(self, text: str) -> str:
        """``text`` without the secrets, should another program have put one in."""
        for secret in self.secrets:
            text = text.replace(secret, "[hidden]") if secret else text
        return text


def config_folder(env: Mapping[str, str], home: Path) -> Path:
    """The folder of kaggle.json, as the client chooses it."""
    if env.get("KAGGLE_CONFIG_DIR"):
        return Path(env["KAGGLE_CONFIG_DIR"])
    usual = home / ".kaggle"
    if usual.exists() or not sys.platform.startswith("linux"):
        return usual
    return Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "kaggle"


def find_credentials(env: Mapping[str, str] | None = None, home: Path | None = None) -> Credentials:
    """The credentials that the client will use: access token, then user name and key, then `kaggle auth login`.

    Raises:
        HostError: there are none, or the ones found are incomplete or damaged; says how to get some.
    """
    env = os.environ if env is None else env
    home = Path("~").expanduser() if home is None else home
    return _notebook_token(env) or _token(env, home) or _user_and_key(env, home) or _oauth(home) or _none(env, home)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"{path} cannot be read: {type(error).__name__}", remedy=HOW_TO) from None


def _notebook_token(env: Mapping[str, str]) -> Credentials | None:
    path = env.get("KAGGLE_API_V1_TOKEN")
    in_notebook = "KAGGLE_KERNEL_RUN_TYPE" in env and "KAGGLE_DATA_PROXY_URL" in env
    if not in_notebook or not path or not Path(path).exists():
        return None
    token = _read(Path(path))
    # the notebook's own file: its permissions are Kaggle's business
    return Credentials("the Kaggle notebook", secrets=(token,)) if token else None


def _token(env: Mapping[str, str], home: Path) -> Credentials | None:
    given = env.get("KAGGLE_API_TOKEN")
    if given:
        if len(given) < 1024 and Path(given).exists():
            return Credentials(f"the file that KAGGLE_API_TOKEN names, {given}", Path(given), (_read(Path(given)),))
        return Credentials("the variable KAGGLE_API_TOKEN", secrets=(given,))
    for name in ("access_token", "access_token.txt"):
        path = home / ".kaggle" / name
        if path.exists() and (token := _read(path)):
            return Credentials(str(path), path, (token,))
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
    path = config_folder(env, home) / "kaggle.json"
    stored = _json(path) if path.exists() else {}
    user, key = env.get("KAGGLE_USERNAME"), env.get("KAGGLE_KEY")
    if user is not None and key is not None:
        return Credentials("the variables KAGGLE_USERNAME and KAGGLE_KEY", secrets=(key,))
    user, key = user or stored.get("username"), key or stored.get("key")
    if user and key:
        return Credentials(str(path), path, (str(key),))
    if user or key:
        lacking = "user name (KAGGLE_USERNAME)" if key else "key (KAGGLE_KEY)"
        raise HostError(f"Kaggle's credentials are incomplete: there is no {lacking}", remedy=HOW_TO)
    return None


def _oauth(home: Path) -> Credentials | None:
    path = home / ".kaggle" / "credentials.json"
    if not path.exists():
        return None
    stored = _json(path)
    if not stored.get("refresh_token"):
        return None
    secrets = tuple(str(stored[name]) for name in ("refresh_token", "access_token") if stored.get(name))
    return Credentials(f"`kaggle auth login` ({path})", path, secrets)


def _none(env: Mapping[str, str], home: Path) -> Credentials:
    where = config_folder(env, home) / "kaggle.json"
    raise HostError(
        f"no Kaggle credentials: neither in the environment nor in {home / '.kaggle'} nor in {where}", remedy=HOW_TO
    )
