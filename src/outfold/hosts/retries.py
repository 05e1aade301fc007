"""When to ask again, how long to wait first, and when to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from outfold.progress import Reporter

T = TypeVar("T")

PASSING = (408, 425, 429, 500, 502, 503, 504)
"""HTTP statuses that may be gone when the same request is made again."""


@dataclass(frozen=True)
class Patience:
    """How long a host is waited for. Pauses double from ``first_s`` up to ``longest_s``, without chance in them.

    Args:
        attempts: tries of one request, the first included; for a download, tries in a row that bring no new byte.
        first_s: the pause before the second try.
        longest_s: no pause of ours is longer; a Retry-After may be.
        connect_s: to open a connection.
        read_s: for the next byte of an answer.
        deadline_s: for a whole operation, pauses included; a download has a second more for every ``slowest`` bytes.
        slowest: bytes a second below which a download counts as hanging.
        sleep: waits; a test puts its own here.
        clock: seconds that never go back.
    """

    attempts: int = 6
    first_s: float = 1.0
    longest_s: float = 60.0
    connect_s: float = 15.0
    read_s: float = 60.0
    deadline_s: float = 3600.0
    slowest: float = 100_000.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def pause(self, tried: int) -> float:
        """Seconds to wait after ``tried`` tries that failed."""
        return min(self.longest_s, self.first_s * 2.0 ** (tried - 1))

    def allowed(self, size: int = 0) -> float:
        """Seconds that an operation which moves ``size`` bytes may take, pauses included."""
        return self.deadline_s + size / self.slowest


def retry_after(response: requests.Response | None, now: datetime | None = None) -> float | None:
    """Seconds that the Retry-After header asks for: a number, or an HTTP date; None without a readable one."""
    asked = response.headers.get("Retry-After") if response is not None else None
    if asked is None:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(asked)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


def is_passing(error: requests.RequestException) -> bool:
    """Whether the same request may succeed when made again."""
    if error.response is not None:
        return error.response.status_code in PASSING
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def patiently(what: str, ask: Callable[[], T], patience: Patience, reporter: Reporter) -> T:
    """Call ``ask`` until it answers: failures that may pass are tried again, others are raised at once.

    Args:
        what: the request in words, for the note that tells of a wait.
        ask: makes the request; called once a try.
        patience: how often, and with which pauses; a Retry-After takes the place of the pause.
        reporter: told of every wait.

    Raises:
        requests.RequestException: the last failure.
    """
    began, tried = patience.clock(), 0
    while True:
        try:
            return ask()
        except requests.RequestException as error:
            tried += 1
            wait = retry_after(error.response)
            wait = patience.pause(tried) if wait is None else wait
            if (
                not is_passing(error)
                or tried >= patience.attempts
                or patience.clock() + wait > began + patience.allowed()
            ):
                raise
            reporter.note(f"{what}: {in_words(error)}; trying again in {wait:.0f} s")
            patience.sleep(wait)


def in_words(error: Exception) -> str:
    """What went wrong, without the addresses and headers that the error carries: these may hold keys."""
    response = getattr(error, "response", None)
    if response is not None:
        status = int(response.status_code)
        return {429: "Kaggle asks for a slower pace (429)"}.get(status, f"Kaggle answered {status}")
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the other side was not accepted"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy could not be reached, or refused"
    if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return "the connection could not be made, or broke"
    return "the answer could not be read"


class _Bounded(HTTPAdapter):
    """A transport that gives every request the patience's time-outs, those of redirects included."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self._limits = (patience.connect_s, patience.read_s)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        return super().send(request, stream, timeout or self._limits, verify, cert, proxies)


def bound(session: requests.Session, patience: Patience) -> requests.Session:
    """Give ``session`` the patience's time-outs, and ask for bodies as they are stored.

    A body compressed on the way could neither be measured nor resumed.
    """
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Bounded(patience))
    session.headers["Accept-Encoding"] = "identity"
    return session
