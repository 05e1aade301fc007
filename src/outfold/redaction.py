"""Hides secrets in text that leaves the program: credentials of this machine, and signatures in addresses.

A credential is found however it is spelled: as it is, URL-encoded, escaped for JSON or HTML, or inside base64, as in an
``Authorization: Basic`` header.
"""

from __future__ import annotations

import base64
import functools
import html
import os
import re
import sys
import threading
from typing import Any, TextIO, cast
from urllib.parse import unquote

from outfold import secret_sources

HIDDEN = "[hidden]"
_SHORTEST = 6
_SHORT = 8
"""A secret of fewer characters is hidden only as a whole word, and not looked for inside base64."""

_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_%")
_REST = re.compile(r"(?:[A-Za-z0-9+/_-]|%(?:25)*(?:2[Bb]|2[Ff]|3[Dd]))*={0,2}")
_SEPARATOR = r"[?&;]|%(?:25)*3[Ff]|%(?:25)*26"
_SIGNING_NAMES = (
    r"(?:X-(?:Amz|Goog|Ms|Oss|Obs)-[A-Za-z-]+|X-Signature|Signature|Key-Pair-Id|Policy|sig|AWSAccessKeyId|GoogleAccessId"
    r"|[A-Za-z_-]*token|authorization|auth|api[_-]?key|access[_-]?key|key|passw(?:or)?d|secret)"
)
_END = r"(?:(?!%(?:25)*26)[^&;\s\"'<>\\])"
_PATTERNS = (
    # parameters of a signed address, also where the address is itself URL-encoded
    (re.compile(rf"(?i)((?:{_SEPARATOR})(?:amp;)?{_SIGNING_NAMES}(?:=|%(?:25)*3d)){_END}+"), rf"\1{HIDDEN}"),
    # the same parameters outside an address
    (re.compile(rf"(?i)(\bX-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)\W{{1,4}}){_END}+"), rf"\1{HIDDEN}"),
    (re.compile(rf"(\bSignature=){_END}{{8,}}"), rf"\1{HIDDEN}"),
    # headers
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*b?['\"]?(?:bearer|basic)\s+)[^\s'\",]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(\bBearer )(?=[^\s'\",]*[0-9_])[A-Za-z0-9._~+/=-]{12,}"), rf"\1{HIDDEN}"),
    # user name and password of an address
    (re.compile(r"(?<=://)[^\s/@'\"<>:]*:[^\s/@'\"<>]+@"), f"{HIDDEN}@"),
    # a token of Kaggle's by its look
    (re.compile(r"\bKGAT_[A-Za-z0-9_-]{8,}"), HIDDEN),
)


class _Secret:
    """One secret, found in every spelling."""

    def __init__(self, text: str) -> None:
        self._plain = "".join(map(_spellings, text))
        if len(text) < _SHORT:
            self._needles, self._encoded = [text], None
            self._plain = rf"(?<!\w){self._plain}(?!\w)"
        else:
            octets, cores = text.encode(errors="surrogatepass").hex(), _base64_cores(text)
            self._needles = [text, octets, *cores]
            self._plain += f"|(?i:{octets})"
            self._encoded = re.compile("|".join("".join(map(_spellings, core)) for core in cores))
        self._pattern = re.compile(self._plain)

    def hide(self, text: str, readings: list[str]) -> str:
        """Replace the secret in ``text``; ``readings`` are its decoded forms, searched first for speed."""
        if not any(needle in reading for reading in readings for needle in self._needles):
            return text
        text = self._pattern.sub(HIDDEN, text)
        return text if self._encoded is None else _hide_words(text, self._encoded)


def _hide_words(text: str, pattern: re.Pattern[str]) -> str:
    """Replace every base64 word that contains ``pattern``."""
    parts, done = [], 0
    for match in pattern.finditer(text):
        if match.start() < done:
            continue
        begin = match.start()
        while begin > done and text[begin - 1] in _BASE64:
            begin -= 1
        rest = _REST.match(text, match.end())
        parts += [text[done:begin], HIDDEN]
        done = match.end() if rest is None else rest.end()
    return "".join([*parts, text[done:]])


def _base64_cores(text: str) -> list[str]:
    """Substrings of the base64 encoding of any text that contains ``text``, for each alignment."""
    data, cores = text.encode(errors="surrogatepass"), []
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        core = encoded[first : 8 * (offset + len(data)) // 6]
        cores += [core, core.replace("+", "-").replace("/", "_")]
    return list(dict.fromkeys(core for core in cores if len(core) >= _SHORT))


@functools.lru_cache(maxsize=1024)
def _spellings(character: str) -> str:
    """A pattern for one character: plain, URL-encoded, escaped for JSON or HTML."""
    octets = "".join(rf"%(?:25)*(?i:{octet:02x})" for octet in character.encode(errors="surrogatepass"))
    number = ord(character)
    forms = [re.escape(character), octets, rf"\\u(?i:{number:04x})", rf"&#0*{number};", rf"&#[xX]0*(?i:{number:x});"]
    named = html.escape(character)
    if named != character:
        forms.append(re.escape(named))
    if character in "\\/\"'":
        forms.append(re.escape("\\" + character))
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(dict.fromkeys(forms))})"


class _Known:
    """Known secrets; reloaded when an environment variable or a file changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: Any = None
        self._secrets: dict[str, _Secret] = {}

    def secrets(self) -> list[_Secret]:
        home = secret_sources.user_home()
        state = secret_sources.state(os.environ, home)
        with self._lock:
            if state != self._state:
                for text in secret_sources.secrets_on_this_machine(os.environ, home):
                    self._add(text)
                self._state = state
            return list(self._secrets.values())

    def add(self, text: str) -> None:
        with self._lock:
            self._add(text)

    def _add(self, text: str) -> None:
        if len(text) >= _SHORTEST and text not in self._secrets:
            self._secrets[text] = _Secret(text)
            # a secret may be part of another: the longest is hidden first
            self._secrets = dict(sorted(self._secrets.items(), key=lambda item: -len(item[0])))


_KNOWN = _Known()


def remember(secret: str) -> None:
    """Register a secret that is in no environment variable or file, such as a received token."""
    _KNOWN.add(secret)


def redact(text: str) -> str:
    """``text`` with every credential of this machine and every signature of an address replaced by ``[hidden]``."""
    if len(text) < _SHORTEST:  # too short to hold a secret, such as the line end that print writes by itself
        return text
    readings = _readings(text)
    for secret in _KNOWN.secrets():
        hidden = secret.hide(text, readings)
        if hidden is not text:
            text, readings = hidden, _readings(hidden)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _readings(text: str) -> list[str]:
    """The text and its decoded forms."""
    found = [text]
    if "%" in text:
        once = unquote(text)
        found += [once, unquote(once)]
    if "&" in text:
        found.append(html.unescape(text))
    if "\\" in text:
        plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
        found.append(re.sub(r"\\([\\/\"'])", r"\1", plain))
    lowered = text.lower()
    if lowered != text:
        found.append(lowered)  # hexadecimal digits in capitals
    return found


class _RedactedStream:
    """Wrapper of a text stream that redacts everything written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)


def redact_streams() -> None:
    """Hide secrets in everything that this process prints: libraries, hooks, warnings and tracebacks included."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _RedactedStream):
            setattr(sys, name, cast(TextIO, _RedactedStream(stream)))
