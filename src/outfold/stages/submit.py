"""submit: build the file, check it, send it once, and write down what it scored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from outfold.contest_summary import (
    submission_doubts,
    submission_facts,
)
from outfold.errors import ConfigError, is_utf8, quoted
from outfold.hosts.host import Host, Scored
from outfold.hosts.registry import get_host
from outfold.redaction import redact
from outfold.runs.context import Context, command
from outfold.runs.output_form import form_arguments, scoring_of, submission_of
from outfold.runs.provenance import current, current_blend
from outfold.runs.stage_stamps import Stamp
from outfold.store import ledger
from outfold.store.atomic import write_bytes
from outfold.store.manifest import Manifest
from outfold.store.paths import BLEND, Layout
from outfold.store.prediction_files import read_test
from outfold.store.predictions import mean_by_id
from outfold.submission import check, csv_bytes


def submit(
    context: Context, name: str = BLEND, *, message: str | None = None, wait_s: float = 300.0, dry_run: bool = False
) -> Scored | None:
    """Send the blend (or one pipeline) and return what the host says; None for a dry run.

    A file that was sent before is not sent again: its score is shown, or asked for where it was still pending.

    Raises:
        OutOfDateError: the pipeline, or the blend or a pipeline that it is made of, is missing or out of date.
        SubmissionError: the file would be refused or would waste a submission.
        HostError: the host refused or did not answer; nothing was recorded as sent.
    """
    _check_options(message, wait_s)
    layout, reporter = context.layout, context.reporter
    layout.chosen(None if name == BLEND else [name])
    stamp = Stamp(context, "submit")
    manifest = current_blend(context) if name == BLEND else current(context, name)
    contest = context.contest
    outputs = mean_by_id(read_test(layout, manifest, contest.test.index))
    frame = submission_of(contest, outputs, manifest.extra.get("thresholds"))
    for warning in [*submission_doubts(contest), *check(frame, contest.sample, **form_arguments(contest))]:
        reporter.warn(f"submission: {warning}")
    for fact in submission_facts(contest, outputs, manifest.extra.get("thresholds")):
        reporter.note(f"submission: {fact}")
    data = csv_bytes(frame)
    sha256 = hashlib.sha256(data).hexdigest()
    file = layout.submissions / f"{name}-{sha256[:8]}.csv"
    if dry_run:
        write_bytes(file, data)
        reporter.note(f"submit: {file} is checked and not sent ({len(frame):,} rows)")
        return None
    host = get_host(context.competition, layout.root, layout.inputs, scoring_of(contest))
    with ledger.locked(layout.ledger, lambda: reporter.note("submit: waiting for another submission to be recorded")):
        known = ledger.read(layout.ledger)
        earlier = known[(known["sha256"] == sha256) & (known["status"] != "error")]
        if len(earlier):
            scored = _again(context, host, earlier.iloc[-1], sha256)
            _stamp(stamp, layout, name, scored)
            return scored
        write_bytes(file, data)
        reporter.note(f"submit: {file.name} is checked: {len(frame):,} rows, ids and columns as in the sample")
        words = redact(_message(message, manifest))
        scored = host.submit(file, words, reporter, wait_s=wait_s)
        ledger.append(
            layout.ledger,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            file=file.name,
            sha256=sha256,
            members=" ".join(manifest.extra.get("names", manifest.members)),
            oof_score=manifest.extra.get("in_sample", manifest.score),
            honest_score=manifest.score,
            status=scored.status,
            public_score=scored.public,
            private_score=scored.private,
            message=words,
        )
    _stamp(stamp, layout, name, scored)
    _tell(context, manifest, scored)
    return scored


def _check_options(message: str | None, wait_s: float) -> None:
    """Refuse a message that no ledger can hold, and a time that is none, before anything is done."""
    if message is not None and not is_utf8(message):
        raise ConfigError(
            f"--message {quoted(message)}: holds bytes that are no UTF-8",
            remedy="Nothing was sent. Write the message in UTF-8, or leave it out.",
        )
    if not wait_s >= 0:
        raise ConfigError(f"--wait {wait_s}: expected seconds, 0 or more")


def _message(message: str | None, manifest: Manifest) -> str:
    """What the host's list of submissions shows: the user's words, or the members and the honest score."""
    if message is not None:
        return message
    members: Sequence[str] = manifest.extra.get("pipelines", [manifest.pipeline])
    return f"{' + '.join(members)}: honest {manifest.metric} {manifest.score:.5f}"


def _stamp(stamp: Stamp, layout: Layout, name: str, scored: Scored) -> None:
    """Record that the blend was sent; one that is not scored yet is asked for again."""
    if name == BLEND and scored.status != "pending":
        stamp.write(present=[layout.ledger.relative_to(layout.root).as_posix()])


def _again(context: Context, host: Host, row: pd.Series, sha256: str) -> Scored:
    """A file that was sent before."""
    reporter, path = context.reporter, context.layout.ledger
    scored = Scored(row["status"], _number(row["public_score"]), _number(row["private_score"]))
    if scored.status == "pending" or (scored.public is None and scored.private is None):
        asked = host.status(context.layout.submissions / row["file"], sha256, reporter)
        if asked is not None:
            scored = asked
            ledger.update(path, sha256, status=asked.status, public_score=asked.public, private_score=asked.private)
    reporter.note(f"submit: up to date ({row['file']} was sent {row['time']}, {scored.status}{_parts(scored)})")
    return scored


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)


def _parts(scored: Scored) -> str:
    parts = {"public": scored.public, "private": scored.private}
    return "".join(f", {part} {value:.5f}" for part, value in parts.items() if value is not None)


def _tell(context: Context, manifest: Manifest, scored: Scored) -> None:
    name = manifest.metric
    rows = [["out of fold, in sample", f"{manifest.extra['in_sample']:.5f}"]] if "in_sample" in manifest.extra else []
    rows.append(["out of fold, honest", f"{manifest.score:.5f}"])
    for part, value in (("public leaderboard", scored.public), ("private leaderboard", scored.private)):
        if value is not None:
            rows.append([part, f"{value:.5f}"])
    rows += [[f"{key}, whole test set", f"{value:.5f}"] for key, value in scored.extra.items()]
    context.reporter.table(f"{context.competition.slug}: {scored.status}", ["", name], rows)
    if scored.message:
        context.reporter.note(scored.message)
    if scored.status == "pending":
        context.reporter.note(f"not scored yet; `{command(context.root, 'submit')}` asks again")
    if context.competition.host == "demo":
        context.reporter.note('to enter a contest of your own: README.md, "Enter a real contest"')
