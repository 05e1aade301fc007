"""A contest that needs no account and no network: the 1,797 handwritten digits that scikit-learn ships.

Source: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI (the test part), as
``sklearn.datasets.load_digits``: 8x8 pixels of 0..16. Each becomes a 32x32 greyscale PNG. 30% of the rows are the test
set; their labels are in no file: the host takes them from scikit-learn when it scores a submission.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from outfold.errors import SubmissionError
from outfold.hosts.folder import read_table
from outfold.hosts.host import Scored, Scoring
from outfold.hosts.leaderboard import USAGE, score_submission
from outfold.hosts.placing import refuse_collisions
from outfold.hosts.solution_io import read_outputs, read_truth
from outfold.progress import Reporter
from outfold.store.atomic import write_text

CLASSES = tuple("0123456789")
SIDE = 32
"""Pixels a side of the PNGs."""
_SEED = 20180131
_TEST_SHARE, _PUBLIC_SHARE = 0.3, 0.3


@dataclass(frozen=True)
class Digits:
    """The contest as only its host knows it.

    Args:
        images: (1797, 32, 32) uint8, white digits on black.
        rows: id, label (text), part (train or test), Usage (Public or Private in the test part, "" in the other);
            sorted by id, which says nothing about the label or the part. Row i is image i.
    """

    images: np.ndarray
    rows: pd.DataFrame

    @property
    def solution(self) -> pd.DataFrame:
        """id, label, Usage of the test rows: never written to a file."""
        return self.rows.loc[self.rows["part"] == "test", ["id", "label", USAGE]].reset_index(drop=True)


def digits() -> Digits:
    """Build the contest from scikit-learn's copy of the digits: the same on every machine."""
    import cv2
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw, labels = load_digits(return_X_y=True)
    small = (raw.reshape(-1, 8, 8) * (255 / 16)).astype(np.float32)
    large = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in small]
    images = np.clip(np.rint(np.stack(large)), 0, 255).astype(np.uint8)

    everyone = np.arange(len(labels))
    train, test = train_test_split(everyone, test_size=_TEST_SHARE, random_state=_SEED, stratify=labels)
    public, _ = train_test_split(test, train_size=_PUBLIC_SHARE, random_state=_SEED, stratify=labels[test])
    part = np.full(len(labels), "test", dtype=object)
    part[train] = "train"
    usage = np.full(len(labels), "", dtype=object)
    usage[test] = "Private"
    usage[public] = "Public"
    ids = ["d" + hashlib.sha256(f"outfold digit {_SEED} {number}".encode()).hexdigest()[:7] for number in everyone]
    rows = pd.DataFrame({"id": ids, "label": labels.astype(str), "part": part, USAGE: usage})
    rows = rows.sort_values("id")
    return Digits(images[rows.index.to_numpy()], rows.reset_index(drop=True))


class DemoHost:
    """Makes the digits contest in ``inputs/`` and scores its submissions."""

    name = "demo"
    rules_url: str | None = None

    def __init__(self, scoring: Scoring | None = None) -> None:
        self._scoring = scoring

    def download(self, inputs: Path, reporter: Reporter) -> None:
        """Write train/ and test/ PNGs, train.csv, test.csv and sample_submission.csv; whole files are left alone."""
        import cv2

        contest = digits()
        places = contest.rows["part"] + "/" + contest.rows["id"] + ".png"
        refuse_collisions(inputs, ["train.csv", "test.csv", "sample_submission.csv", *places])
        written = 0
        with reporter.bar("digits", len(contest.images), unit="images") as bar:
            for identity, part, image in zip(contest.rows["id"], contest.rows["part"], contest.images, strict=True):
                png = cv2.imencode(".png", image)[1].tobytes()
                path = inputs / part / f"{identity}.png"
                if not path.exists() or path.read_bytes() != png:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(png)
                    written += 1
                bar.advance(1)
        train = contest.rows.loc[contest.rows["part"] == "train", ["id", "label"]]
        test = contest.solution[["id"]]
        sample = test.assign(**dict.fromkeys(CLASSES, 0.1))
        # the tables come last: where they are, every image is
        for name, table in (("train.csv", train), ("test.csv", test), ("sample_submission.csv", sample)):
            text = table.to_csv(index=False, lineterminator="\n")
            path = inputs / name
            if not path.exists() or path.read_bytes() != text.encode():
                write_text(path, text)
                written += 1
        what = f"{len(train)} digits to train on, {len(test)} to predict"
        reporter.note(f"{inputs}: {what}" + ("" if written else "; everything was there"))

    def submit(self, file: Path, message: str, reporter: Reporter, *, wait_s: float) -> Scored:
        """Score ``file`` at once, on labels that only the host has; ``extra``: the accuracy on every test row."""
        scoring = self._scoring or default_scoring()
        solution = digits().solution
        sent = read_table(file, SubmissionError)
        board = score_submission(
            sent,
            solution,
            id_column="id",
            targets=["label"],
            classes=CLASSES,
            task="multiclass",
            metric=scoring.metric,
        )
        scoring = Scoring("id", ["label"], CLASSES, "multiclass", scoring.metric)
        order = sent.set_index("id").loc[solution["id"]]
        hits = read_outputs(order, scoring).argmax(axis=1) == read_truth(solution.set_index("id"), scoring)
        said = f"{scoring.metric.name} on {board.public_rows} public and {board.private_rows} private digits"
        return Scored("complete", board.public, board.private, message=said, extra={"accuracy": float(hits.mean())})

    def status(self, file: Path, sha256: str, reporter: Reporter) -> Scored | None:
        """Score the file again: a local score is never pending."""
        return self.submit(file, "", reporter, wait_s=0) if file.exists() else None

    def describe(self) -> list[str]:
        """The demo needs nothing."""
        return ["the demo contest (handwritten digits) needs no account and no network"]

    def missing(self) -> None:
        """Nothing."""


def default_scoring() -> Scoring:
    """The demo's own metric: log loss over the ten classes."""
    from outfold.metrics import get_metric

    return Scoring("id", ["label"], CLASSES, "multiclass", get_metric("log_loss", task="multiclass"))
