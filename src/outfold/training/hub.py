"""The hub of pretrained weights: where there is no way to it, what it gave before is used, or missed, at once."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies


@contextlib.contextmanager
def offline_where_unreachable() -> Iterator[None]:
    """Inside the block, the hub's client reads from its cache alone where the hub's name has no address.

    Left to itself, it asks again and again, for most of a minute and aloud, before it looks into its cache. Behind a
    proxy, which knows the names, nothing is changed.
    """
    from huggingface_hub import constants

    said = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = said or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = said


def is_missing(error: Exception) -> bool:
    """Whether the hub could not be reached and its cache did not have the file either."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    return isinstance(error, LocalEntryNotFoundError)


def _reachable(address: str) -> bool:
    parts = urlsplit(address)
    if {parts.scheme, "all"} & getproxies().keys():
        return True
    try:
        socket.getaddrinfo(parts.hostname, parts.port or parts.scheme)
    except OSError:
        return False
    return True
