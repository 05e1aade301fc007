"""One large file over a line that breaks: resumed where it stopped, never mixed, and never waited for without end."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import urllib3

from outfold.errors import HostError
from outfold.hosts.retries import Patience, bound, in_words, is_passing, retry_after
from outfold.progress import Bar, Reporter
from outfold.redaction import redact
from outfold.store.atomic import write_json

_CHUNK = 1 << 20
_SPARE = 64 << 20
"""Bytes of the disk that a download leaves free."""


class ResumeRefused(requests.HTTPError):
    """The place where the bytes lie would not go on: its address may have expired, so a new one is asked for."""


class Fetch:
    """Downloads what ``begin`` opens into ``part``; a note beside it says which object its bytes belong to.

    Args:
        begin: makes the first request anew and returns the answer with its body unread. Its address may be a signed
            one that expires, so every try asks for a new one.
        part: the file to fill; what is there from an earlier run is gone on with, if it is of the same object.
    """

    def __init__(
        self, begin: Callable[[], requests.Response], part: Path, patience: Patience, reporter: Reporter
    ) -> None:
        self.begin = begin
        self.part = part
        self.patience = patience
        self.reporter = reporter
        self._note = part.with_name(part.name + ".json")
        self._told: dict[str, Any] = {}

    def run(self) -> str:
        """Fill ``part``; returns the name that the file has where it lies.

        Raises:
            requests.RequestException: the first request was refused, or the line broke too often.
            HostError: the deadline passed, or the disk is too small.
        """
        tried, began = 0, self.patience.clock()
        with contextlib.ExitStack() as stack:
            bar: Bar | None = None
            shown = 0
            while True:
                had = self._size()
                try:
                    answer = self._open(stack)
                    total = self._told["size"]
                    deadline = began + self.patience.allowed(total or 0)
                    bar = bar or stack.enter_context(self.reporter.bar("download", total, unit="B"))
                    bar.advance(self._size() - shown)
                    whole = answer is None or self._read(answer, bar, deadline)
                    shown = self._size()
                    if whole and total in (None, shown):
                        self._note.unlink(missing_ok=True)
                        return str(self._told["name"])
                    error: requests.RequestException = requests.ConnectionError("cut short")
                except requests.RequestException as caught:
                    error = caught
                    if not is_passing(error) and not isinstance(error, ResumeRefused):
                        raise
                tried = 1 if self._size() > had else tried + 1
                wait = retry_after(error.response)
                wait = self.patience.pause(tried) if wait is None else wait
                if tried >= self.patience.attempts:
                    raise error
                if self.patience.clock() + wait > began + self.patience.allowed(self._told.get("size") or 0):
                    raise self._too_long()
                self.reporter.note(f"download: {in_words(error)} at {_amount(self._size())}; again in {wait:.0f} s")
                self.patience.sleep(wait)

    def _too_long(self) -> HostError:
        return HostError(
            f"the download was given up at {_amount(self._size())}: it took too long",
            remedy="Run again: it goes on where it stopped.",
        )

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _kept(self) -> dict[str, Any]:
        """What the note says of the bytes in ``part``; {} when they must not be gone on with."""
        try:
            kept = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) and kept.get("validator") and "size" in kept else {}

    def _open(self, stack: contextlib.ExitStack) -> requests.Response | None:
        """An answer whose body belongs at the end of ``part``; None when nothing is missing any more."""
        first = stack.enter_context(self.begin())
        self._told = _object(first)
        have, kept = self._size(), self._kept()
        same = bool(kept) and (kept["size"], kept["validator"]) == (self._told["size"], self._told["validator"])
        if have and same and have == self._told["size"]:
            return None
        if not (have and same and first.headers.get("Accept-Ranges") == "bytes"):
            return self._from_the_start(first)
        first.close()
        # the request as the client made it, keys included where the bytes lie with the host itself
        headers = {**first.request.headers, "Range": f"bytes={have}-", "If-Range": kept["validator"]}
        session = stack.enter_context(bound(requests.Session(), self.patience))
        answer = stack.enter_context(session.get(str(first.url), headers=headers, stream=True, auth=_as_it_was))
        if answer.status_code == 206 and _starts_at(answer) == have:
            return answer
        if answer.status_code == 200:
            self._told = _object(answer)
            return self._from_the_start(answer)
        if answer.status_code in (206, 416):
            # what is here does not fit what is there: begin again
            self._forget()
            raise requests.ConnectionError("the partial file does not fit")
        # the body of an error is never written over what was already downloaded
        raise ResumeRefused("the download could not be resumed", response=answer)

    def _from_the_start(self, answer: requests.Response) -> requests.Response:
        self._forget()
        size = self._told["size"]
        free = shutil.disk_usage(self.part.parent).free
        if size is not None and size + _SPARE > free:
            raise HostError(
                f"the download has {_amount(size)}, and {self.part.parent} has {_amount(free)} free",
                remedy="Free some space (the unpacked data needs its own on top), then run again.",
            )
        write_json(self._note, self._told)
        return answer

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _read(self, answer: requests.Response, bar: Bar, deadline: float) -> bool:
        """Append the body to ``part``; whether it came to its end, as far as the answer tells."""
        with self.part.open("ab") as out:
            while True:
                if self.patience.clock() > deadline:
                    raise self._too_long()
                try:
                    # read1 returns what is there: read would wait for a whole chunk, however slowly it trickles
                    chunk = answer.raw.read1(_CHUNK, decode_content=False)
                except (urllib3.exceptions.HTTPError, OSError):
                    return False
                if not chunk:
                    return True
                out.write(chunk)
                bar.advance(len(chunk))


def _as_it_was(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from adding credentials of its own (netrc)."""
    return request


def _object(answer: requests.Response) -> dict[str, Any]:
    """Which object an answer's body is of: its name, its size and what proves that it has not changed."""
    length = answer.headers.get("Content-Length", "")
    etag = answer.headers.get("ETag", "")
    validator = answer.headers.get("Last-Modified") if not etag or etag.startswith("W/") else etag
    if validator is not None and redact(validator) != validator:
        validator = None  # the note on the disk must hold no secret: a broken download begins anew
    name = redact(answer.url.partition("?")[0].rpartition("/")[2])
    return {"name": name, "size": int(length) if length.isdigit() else None, "validator": validator}


def _starts_at(answer: requests.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _amount(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size:,.0f} bytes"
