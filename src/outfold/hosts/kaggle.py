"""Contests on Kaggle: download, submit, wait for the score."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import requests

from outfold.errors import DataError, HostError, some
from outfold.hosts import download_manifest as received
from outfold.hosts.credentials import Credentials, find_credentials
from outfold.hosts.fetch import Fetch
from outfold.hosts.host import Scored
from outfold.hosts.kaggle_client import KaggleClient, RemoteFile
from outfold.hosts.kaggle_errors import explain, rules_url
from outfold.hosts.kaggle_submit import Submitter
from outfold.hosts.placing import move_into
from outfold.hosts.retries import Patience, patiently
from outfold.hosts.zip_files import Damaged, Limits, NoRoom, Unpacked, foreign, is_archive, unpack
from outfold.progress import Reporter

T = TypeVar("T")


class KaggleHost:
    """A contest on Kaggle.

    Args:
        slug: the last part of the contest's address.
        patience: how long Kaggle is waited for.
        limits: how much may come out of an archive.
    """

    name = "kaggle"

    def __init__(self, slug: str, patience: Patience | None = None, limits: Limits | None = None) -> None:
        self.slug = slug
        self.patience = patience or Patience()
        self.limits = limits or Limits()
        self._client: KaggleClient | None = None
        self._found: Credentials | None = None

    @property
    def rules_url(self) -> str | None:
        """Where the rules are accepted: on the web site only."""
        return rules_url(self.slug)

    def describe(self) -> list[str]:
        """Whether there are credentials, where they are from, and what is wrong with them. No network is used."""
        lines = [f"contest: {self.slug}; its rules must be accepted at {self.rules_url}"]
        try:
            found = find_credentials()
        except HostError as error:
            return [*lines, f"credentials: MISSING: {error}"]
        warning = found.warning()
        return [*lines, f"credentials: found in {found.source}", *([f"warning: {warning}"] if warning else [])]

    def missing(self) -> str | None:
        """The credentials, where there are none that log in."""
        try:
            find_credentials()
        except HostError:
            return "put your Kaggle API token in place (https://www.kaggle.com/settings/api -> ~/.kaggle/access_token)"
        return None

    def download(self, inputs: Path, reporter: Reporter) -> None:
        """Download everything, test it, and move it into ``inputs``; nothing is asked when all is there and whole.

        A download that stops goes on where it stopped when run again. Files of ``inputs`` that are none of the
        contest's are left alone.

        Raises:
            HostError: no credentials, or Kaggle refused, failed or did not answer.
            DataError: what came is damaged, unsafe, or not what Kaggle lists.
        """
        known = received.read(inputs, self.slug)
        if known is not None:
            bad = received.unlike(inputs, known, reporter)
            if not bad:
                reporter.note(f"{inputs}: all {len(known)} files are there and whole")
                return
            reporter.warn(f"{inputs}: missing or changed since the download: {some(bad)}; downloading again")
        client = self._connect(reporter)
        reporter.note(f"asking Kaggle for the files of {self.slug}")
        listed, whole = self._ask("the list of files", client.files, reporter)
        if not whole:
            reporter.note(f"Kaggle lists very many files; the sizes of the first {len(listed):,} are checked")
        aside = inputs.parent / f".{inputs.name}.download"
        aside.mkdir(parents=True, exist_ok=True)
        files, packed = self._fetch_and_unpack(client, aside, listed, reporter)
        kept = {name: facts for name, facts in files.items() if name not in packed}
        move_into(inputs, aside / "unpacked", kept, known or (), reporter)
        received.write(inputs, self.slug, kept)
        shutil.rmtree(aside)
        reporter.note(f"{inputs}: {len(kept)} files, {sum(facts.size for facts in kept.values()):,} bytes")
        for name in kept:
            if (command := foreign(name)) is not None:
                reporter.warn(f"{inputs / name} must be opened by hand: run `{command} {name}` in {inputs}")

    def submit(self, file: Path, message: str, reporter: Reporter, *, wait_s: float) -> Scored:
        """Send ``file`` once, whatever the network does, and wait at most ``wait_s`` seconds for its score.

        A file with the same bytes that Kaggle already has is not sent again: its score is asked for.

        Raises:
            SubmissionError: the file is missing or empty.
            HostError: no credentials, none of today's submissions left, or Kaggle refused, failed or did not answer.
        """
        return self._submitter(reporter).submit(file, message, wait_s)

    def status(self, file: Path, sha256: str, reporter: Reporter) -> Scored | None:
        """Look a submission up by the mark of its hash; None when Kaggle has none such."""
        return self._submitter(reporter).status(sha256)

    def _submitter(self, reporter: Reporter) -> Submitter:
        client = self._connect(reporter)
        return Submitter(client, self.patience, reporter, lambda what, call: self._ask(what, call, reporter), self._why)

    def _credentials(self) -> Credentials:
        if self._found is None:
            self._found = find_credentials()
        return self._found

    def _connect(self, reporter: Reporter) -> KaggleClient:
        if self._client is None:
            found = self._credentials()
            warning = found.warning()
            if warning:
                reporter.warn(warning)
            self._client = self._ask("log-in", lambda: KaggleClient(self.slug, found, self.patience), reporter)
        return self._client

    def _why(self, error: requests.RequestException, what: str) -> HostError:
        return explain(error, what, self.slug, self._credentials())

    def _ask(self, what: str, call: Callable[[], T], reporter: Reporter) -> T:
        """The answer to a request that may be made twice; a failure in words."""
        try:
            return patiently(what, call, self.patience, reporter)
        except requests.RequestException as error:
            told = self._why(error, what)
        # raised out here, so that it does not carry the request with its keys along
        raise told

    def _fetch_and_unpack(
        self, client: KaggleClient, aside: Path, listed: Sequence[RemoteFile], reporter: Reporter
    ) -> tuple[dict[str, Unpacked], list[str]]:
        """Everything, below ``aside/unpacked``, and the archives among it that were unpacked in their turn.

        A damaged archive is downloaded a second time. One that is refused is not kept: a later run begins anew.
        """
        unpacked = aside / "unpacked"
        for last in (False, True):
            shutil.rmtree(unpacked, ignore_errors=True)
            archive = self._fetch(client, aside, listed, reporter)
            try:
                files, packed = self._open_up(archive, unpacked, listed, reporter)
                self._check(listed, files)
                return files, packed
            except NoRoom:
                shutil.rmtree(unpacked, ignore_errors=True)
                raise
            except DataError as error:
                archive.unlink(missing_ok=True)
                shutil.rmtree(unpacked, ignore_errors=True)
                if last or not isinstance(error, Damaged):
                    raise
                reporter.warn(f"{error.message}; downloading it again")
        raise AssertionError

    def _open_up(
        self, archive: Path, unpacked: Path, listed: Sequence[RemoteFile], reporter: Reporter
    ) -> tuple[dict[str, Unpacked], list[str]]:
        if archive.suffix == ".zip":
            return unpack(archive, unpacked, reporter, limits=self.limits)
        only = listed[0]
        if archive.stat().st_size != only.size:
            raise Damaged(f"{only.name} came with {archive.stat().st_size:,} bytes, and Kaggle lists {only.size:,}")
        target = unpacked / only.name
        target.parent.mkdir()
        with archive.open("rb") as opened:
            facts = Unpacked(only.size, hashlib.file_digest(opened, "sha256").hexdigest())
        archive.replace(target)
        return {target.name: facts}, []

    def _fetch(self, client: KaggleClient, aside: Path, listed: Sequence[RemoteFile], reporter: Reporter) -> Path:
        """The whole download: ``whole.zip``, or ``whole.file`` for a contest of one file that comes as it is."""
        for there in (aside / "whole.zip", aside / "whole.file"):
            if there.exists():
                return there
        part = aside / "part"
        try:
            name = Fetch(client.open_download, part, self.patience, reporter).run()
        except requests.RequestException as error:
            told = self._why(error, "the download")
        else:
            alone = len(listed) == 1 and name == listed[0].name and not is_archive(name)
            return part.replace(aside / ("whole.file" if alone else "whole.zip"))
        raise told

    def _check(self, listed: Sequence[RemoteFile], files: dict[str, Unpacked]) -> None:
        """See that every file which Kaggle lists came, in the size that Kaggle states."""
        came = {**files, **{f"{name}.zip": facts for name, facts in files.items() if f"{name}.zip" not in files}}
        missing = [item.name for item in listed if item.name not in came]
        if missing:
            raise DataError(f"the download lacks {len(missing)} of the files that Kaggle lists: {some(missing)}")
        wrong = [item for item in listed if item.name in files and files[item.name].size != item.size]
        if wrong:
            first = wrong[0]
            raise DataError(
                f"{first.name} came with {files[first.name].size:,} bytes, and Kaggle lists {first.size:,}"
                + (f"; {len(wrong) - 1} more files differ" if len(wrong) > 1 else ""),
                remedy="Run again: the download starts again.",
            )
