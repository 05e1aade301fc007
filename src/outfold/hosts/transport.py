"""Requests that end: with an answer, or with a time-out. Kaggle's client has none of its own."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from outfold.hosts.retries import Patience


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
