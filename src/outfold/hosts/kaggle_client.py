"""The one module that imports Kaggle's client. What it adds: time-outs, silence, and errors instead of exits.

The client's package logs in while it is imported, prints, and calls ``exit`` (which closes stdin) where that fails; its
requests have no time-out. The calls on the wire stay its own.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from outfold.errors import HostError
from outfold.hosts.credentials import HOW_TO, Credentials
from outfold.hosts.retries import Patience, bound
from outfold.redaction import redact, remember

_PAGE = 200
"""Items a page: the most that Kaggle gives."""
_MOST_PAGES = 50


@dataclass(frozen=True)
class RemoteFile:
    """A file as the contest lists it: its path and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Sent:
    """A submission as the contest lists it; scores are None where hidden or not yet there."""

    ref: str
    file: str
    description: str
    status: str
    public: float | None
    private: float | None
    error: str
    date: str


@dataclass(frozen=True)
class Quota:
    """Submissions made today and ever, and those still allowed today (UTC)."""

    today: int
    total: int
    left: int
    lifetime: bool

    @property
    def unknown(self) -> bool:
        """All zero: what Kaggle says to a user who is on no team yet, who may well submit."""
        return self.today == self.total == self.left == 0 and not self.lifetime


class KaggleClient:
    """A connection to one contest. Methods raise ``requests.RequestException``: see ``kaggle_errors.explain``."""

    def __init__(self, slug: str, credentials: Credentials, patience: Patience) -> None:
        self.slug = slug
        self._api = _log_in(credentials, patience)

    @contextlib.contextmanager
    def _calls(self) -> Iterator[Any]:
        """The generated client of the competition service, open for as long as the block runs."""
        with _quiet(), self._api.build_kaggle_client() as client:
            try:
                yield client.competitions.competition_api_client
            except (AttributeError, TypeError, KeyError, ValueError) as error:
                if isinstance(error, requests.RequestException) and error.response is not None:
                    raise
                # the client reads an answer by its fields, and stumbles where it is none of the API's
                raise requests.exceptions.InvalidJSONError("not an answer of the API") from None

    def files(self) -> tuple[list[RemoteFile], bool]:
        """The contest's files, and whether the list is whole (it is cut after 10,000)."""
        from kagglesdk.competitions.types.competition_api_service import ApiListDataFilesRequest

        found: dict[str, int] = {}
        token = ""
        with self._calls() as calls:
            for _ in range(_MOST_PAGES):
                request = ApiListDataFilesRequest()
                request.competition_name = self.slug
                request.page_size = _PAGE
                request.page_token = token
                answer = calls.list_data_files(request)
                found.update({item.name: int(item.total_bytes) for item in answer.files or [] if item is not None})
                before, token = token, answer.next_page_token
                if not token or token == before:
                    break
        return [RemoteFile(name, size) for name, size in found.items()], not token

    def open_download(self) -> requests.Response:
        """Begin to download everything: the answer's body is not yet read, its ``url`` is where it really lies."""
        from kagglesdk.competitions.types.competition_api_service import ApiDownloadDataFilesRequest

        with self._calls() as calls:
            request = ApiDownloadDataFilesRequest()
            request.competition_name = self.slug
            response: requests.Response = calls.download_data_files(request)
        return response

    def quota(self) -> Quota:
        """What may still be sent today."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionLimitsRequest

        with self._calls() as calls:
            request = ApiGetSubmissionLimitsRequest()
            request.competition_name = self.slug
            told = calls.get_submission_limits(request)
            return Quota(told.num_today, told.num_total, told.num_allowed_now, told.limited_by_total)

    def start_upload(self, file: Path) -> tuple[str, str]:
        """The token of an upload to come, and the address to put the bytes to."""
        from kagglesdk.competitions.types.competition_api_service import ApiStartSubmissionUploadRequest

        with self._calls() as calls:
            request = ApiStartSubmissionUploadRequest()
            request.competition_name = self.slug
            request.file_name = file.name
            request.content_length = file.stat().st_size
            request.last_modified_epoch_seconds = int(file.stat().st_mtime)
            answer = calls.start_submission_upload(request)
            return answer.token, answer.create_url

    def create_submission(self, token: str, description: str) -> tuple[int, str]:
        """Submit what was uploaded: the submission's number (0: refused) and Kaggle's words."""
        from kagglesdk.competitions.types.competition_api_service import ApiCreateSubmissionRequest

        with self._calls() as calls:
            request = ApiCreateSubmissionRequest()
            request.competition_name = self.slug
            request.blob_file_tokens = token
            request.submission_description = description
            answer = calls.create_submission(request)
            return int(answer.ref), redact(str(answer.message))

    def submissions(self) -> list[Sent]:
        """Every submission of the team, the latest first."""
        from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

        found: dict[int, Sent] = {}
        token = ""
        with self._calls() as calls:
            for page in range(1, _MOST_PAGES + 1):
                request = ApiListSubmissionsRequest()
                request.competition_name = self.slug
                request.page_size = _PAGE
                request.page_token = token
                if not token:
                    request.page = page
                answer = calls.list_submissions(request)
                listed = [item for item in answer.submissions or [] if item is not None]
                known = len(found)
                found.update({item.ref: _sent(item) for item in listed})
                token = answer.next_page_token
                # without tokens, pages are numbered: a page that is not full, or brings nothing new, is the last one
                if len(found) == known or (not token and len(listed) < _PAGE):
                    break
        return list(found.values())


def _sent(item: Any) -> Sent:
    return Sent(
        ref=str(item.ref),
        file=item.file_name or "",
        description=item.description or "",
        status=item.status.name.lower(),
        public=_score(item.public_score),
        private=_score(item.private_score),
        error=redact(item.error_description or ""),
        date=item.date.isoformat(sep=" ", timespec="minutes") if item.date else "",
    )


def _score(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the client prints off the screen, and our stdin from the ``exit`` that closes it."""
    stdin = sys.stdin
    sys.stdin = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.stdin = stdin


def _log_in(credentials: Credentials, patience: Patience) -> Any:
    """The client, with time-outs and logged in by the credentials that were found.

    Raises:
        HostError: Kaggle did not accept them.
        requests.RequestException: Kaggle could not be asked.
    """
    with _quiet():
        api_class = _import_client()

        class Api(api_class):  # type: ignore[misc, valid-type]
            def build_kaggle_client(self) -> Any:
                client = super().build_kaggle_client()
                http = client.http_client()
                http.__enter__()
                bound(http._session, patience)
                # the client would read variables and files again, with the blanks and line ends that are trimmed here
                if self.config_values.get(self.CONFIG_NAME_TOKEN) is None:
                    user, key = (self.config_values.get(name) for name in (self.CONFIG_NAME_USER, self.CONFIG_NAME_KEY))
                    http._session.auth = (user, key) if key else None
                    http._signed_in = bool(key)
                return client

            def _load_config(self) -> None:
                self.config_values = {}
                if credentials.user and credentials.key:
                    self.config_values = {
                        self.CONFIG_NAME_USER: credentials.user,
                        self.CONFIG_NAME_KEY: credentials.key,
                    }

            def _authenticate_with_access_token(self) -> bool:
                if credentials.token is None:
                    return False
                self.config_values[self.CONFIG_NAME_TOKEN] = credentials.token
                user = self._introspect_token(credentials.token)
                if user is None:
                    del self.config_values[self.CONFIG_NAME_TOKEN]
                    return False
                self.config_values[self.CONFIG_NAME_USER] = user
                return True

        api = Api()
        # what the client computed when it was imported, computed again: and never --verbose, which prints the keys
        api.args = ["--local"] if os.environ.get("KAGGLE_API_ENVIRONMENT") == "LOCALHOST" else []
        try:
            api.authenticate()
        except SystemExit:
            raise HostError(f"Kaggle did not accept the credentials from {credentials.source}", remedy=HOW_TO) from None
    token = api.config_values.get(api.CONFIG_NAME_TOKEN)
    if token:
        remember(token)  # `kaggle auth login` leaves one that is renewed here
    return api


def _import_client() -> Any:
    """``KaggleApi``, imported without the log-in over the network that comes with it."""
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    def offline(*_: Any) -> None:
        raise ConnectionError("no network while importing")

    call = KaggleHttpClient.call
    KaggleHttpClient.call = offline
    try:
        from kaggle.api.kaggle_api_extended import KaggleApi
    finally:
        KaggleHttpClient.call = call
    return KaggleApi
