"""Send a file to a Kaggle contest exactly once, and wait for its score.

A submission is marked: its description ends with ``[outfold <first 12 digits of the file's SHA-256>]``. When the line
breaks at the very moment of submitting, Kaggle's own list tells by the mark whether the submission exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from outfold.errors import HostError, SubmissionError
from outfold.hosts.host import Scored
from outfold.hosts.kaggle_client import KaggleClient, Sent
from outfold.hosts.retries import Patience, bound, in_words, is_passing, retry_after
from outfold.progress import Reporter

_LONGEST_MESSAGE = 400
_LOOKS = 3
"""How often the list is read before a submission that it does not show is taken for not made."""

Ask = Callable[[str, Callable[[], Any]], Any]


def mark(sha256: str) -> str:
    """What a submission's description ends with."""
    return f"[outfold {sha256[:12]}]"


class Submitter:
    """Sends files to one contest.

    Args:
        ask: makes a request that may be made twice, with patience; raises HostError.
        why: the HostError for a failed request.
    """

    def __init__(
        self,
        client: KaggleClient,
        patience: Patience,
        reporter: Reporter,
        ask: Ask,
        why: Callable[[requests.RequestException, str], HostError],
    ) -> None:
        self.client = client
        self.patience = patience
        self.reporter = reporter
        self._ask = ask
        self._why = why

    def submit(self, file: Path, message: str, wait_s: float) -> Scored:
        """See :meth:`outfold.hosts.kaggle.KaggleHost.submit`."""
        if not file.is_file():
            raise SubmissionError(f"{file} is not there")
        if not file.stat().st_size:
            raise SubmissionError(f"{file} is empty: sending it would cost one of today's submissions")
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        before = self._list()
        alive = [sent for sent in before if mark(sha256) in sent.description and sent.status != "error"]
        if alive:
            self.reporter.note(f"Kaggle has this very file since {alive[0].date} UTC: it is not sent again")
            return self._wait(alive[0], wait_s)
        self._check_quota()
        token = self._upload(file)
        description = f"{message[:_LONGEST_MESSAGE]} {mark(sha256)}".strip()
        sent = self._create(file.name, token, description, {each.ref for each in before})
        return self._wait(sent, wait_s)

    def status(self, sha256: str) -> Scored | None:
        """The latest submission of the file with that hash, or None."""
        found = next((sent for sent in self._list() if mark(sha256) in sent.description), None)
        return _scored(found) if found else None

    def _list(self) -> list[Sent]:
        """Every submission, the latest first."""
        every = self._ask("the list of submissions", self.client.submissions)
        return sorted(every, key=lambda sent: int(sent.ref), reverse=True)

    def _check_quota(self) -> None:
        quota = self._ask("the daily limit", self.client.quota)
        if quota.unknown:
            self.reporter.note("Kaggle states no daily limit for you yet (it does from the first submission on)")
            return
        if quota.left > 0:
            self.reporter.note(f"submissions: {quota.today} sent today, {quota.left} left, this one included")
            return
        if quota.lifetime:
            raise HostError(f"the contest's limit for all time is reached: {quota.total} submissions were sent")
        now = datetime.now(UTC)
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        hours, minutes = divmod(int((midnight - now).total_seconds()) // 60, 60)
        raise HostError(
            f"none of today's submissions is left ({quota.today} sent); nothing was sent",
            remedy=f"The count starts again at 00:00 UTC, in {hours} h {minutes} min; submit then.",
        )

    def _upload(self, file: Path) -> str:
        """Put the bytes where Kaggle wants them; the token that stands for them. Nothing is submitted yet."""

        def once() -> str:
            token, address = self.client.start_upload(file)
            # the client reports a refused upload as a submission without a number: here it is an error
            with file.open("rb") as opened, self.reporter.bar("upload", file.stat().st_size, unit="B") as bar:
                with bound(requests.Session(), self.patience) as session:
                    answer = session.put(address, data=opened)
                if answer.status_code not in (200, 201):
                    raise requests.HTTPError("the upload was refused", response=answer)
                bar.advance(file.stat().st_size)
            return token

        return str(self._ask("the upload", once))

    def _create(self, name: str, token: str, description: str, seen: set[str]) -> Sent:
        """Submit what was uploaded. After a failure that leaves it open, the list decides before another try."""
        tried, began = 0, self.patience.clock()
        while True:
            error: requests.RequestException | None = None
            said = ""
            try:
                ref, said = self.client.create_submission(token, description)
                if ref:
                    self.reporter.note(f"sent: {said or name}")
                    return Sent(str(ref), name, description, "pending", None, None, "", "")
            except requests.RequestException as caught:
                error = caught
            # a refusal is an answer: nothing was submitted. All else is open
            refused = error is not None and error.response is not None and error.response.status_code < 500
            found = None if refused else self._find_new(name, description, seen)
            if found is not None:
                self.reporter.note(f"the line broke, and Kaggle has the submission: {name} is not sent again")
                return found
            if error is None:
                raise HostError(f"Kaggle did not take the submission: {said or 'it gave no number'}")
            tried += 1
            wait = retry_after(error.response)
            wait = self.patience.pause(tried) if wait is None else wait
            late = self.patience.clock() + wait > began + self.patience.allowed()
            if not is_passing(error) or tried >= self.patience.attempts or late:
                break
            self.reporter.note(f"submit: {in_words(error)}, and Kaggle has no submission; again in {wait:.0f} s")
            self.patience.sleep(wait)
        told = self._why(error, "the submission")
        raise told

    def _find_new(self, name: str, description: str, seen: set[str]) -> Sent | None:
        """The submission that was not there before; looked for more than once, since a list may lag.

        It has our file's name and our description, or the beginning of it where Kaggle shortened it.
        """
        for look in range(1, _LOOKS + 1):
            for sent in self._list():
                ours = sent.file == name and description.startswith(sent.description.rstrip(" .…"))
                if sent.ref not in seen and (ours or sent.description == description):
                    return sent
            if look < _LOOKS:
                self.patience.sleep(self.patience.pause(look + 1))
        return None

    def _wait(self, sent: Sent, wait_s: float) -> Scored:
        """Ask for the score until it is there or ``wait_s`` seconds have passed; the submission stands either way."""
        begin = self.patience.clock()
        asked = 0
        with self.reporter.bar("waiting for the score", wait_s, unit="s") as bar:
            shown = 0.0
            while True:
                try:
                    every = self.client.submissions()
                    sent = next((each for each in every if each.ref == sent.ref), sent)
                    trouble = ""
                except requests.RequestException as error:
                    trouble = in_words(error)
                if sent.status != "pending":
                    return _scored(sent)
                asked += 1
                pause = max(2.0 * self.patience.first_s, min(self.patience.pause(asked), 30.0))
                passed = self.patience.clock() - begin
                if passed + pause > wait_s:
                    return _scored(sent, trouble)
                self.patience.sleep(pause)
                passed = self.patience.clock() - begin
                bar.advance(passed - shown)
                shown = passed


def _scored(sent: Sent, trouble: str = "") -> Scored:
    if sent.status == "complete":
        return Scored("complete", sent.public, sent.private, ref=sent.ref)
    if sent.status == "error":
        return Scored("error", message=sent.error or "Kaggle could not score the file", ref=sent.ref)
    message = "sent, and not scored yet" + (f" (last asked: {trouble})" if trouble else "")
    return Scored("pending", message=message, ref=sent.ref)
