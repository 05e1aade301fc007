"""A contest whose data is already in ``inputs/``; with a solution file, a leaderboard of one's own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from outfold.config.competition import CompetitionConfig
from outfold.data.reading.csv_text import read_csv_text
from outfold.errors import DataError, HostError, SubmissionError, some
from outfold.hosts.host import Scored, Scoring
from outfold.hosts.leaderboard import score_submission
from outfold.progress import Reporter


class FolderHost:
    """Checks that the files are there, and scores submissions where the contest names a solution."""

    name = "folder"
    rules_url: str | None = None

    def __init__(self, config: CompetitionConfig, root: Path, inputs: Path, scoring: Scoring | None = None) -> None:
        self.config = config
        self.inputs = inputs
        self.scoring = scoring
        self.solution = root / config.solution if config.solution else None

    def _named(self) -> dict[str, Path]:
        """The files that the contest file names, by its key."""
        named = {
            "train": self.config.train,
            "test": self.config.test,
            "sample_submission": self.config.sample_submission,
        }
        return {key: self.inputs / name for key, name in named.items() if name}

    def _missing(self) -> list[str]:
        return [f"{key}: {path}" for key, path in self._named().items() if not path.exists()]

    def download(self, inputs: Path, reporter: Reporter) -> None:
        """See that every file named in the contest file is there.

        Raises:
            DataError: naming each missing file and where it was looked for.
        """
        missing = self._missing()
        if missing:
            raise DataError(
                f"competition.yaml names {len(missing)} files that are not there: {some(missing, limit=10)}",
                remedy=f"With host: folder the data must already lie in {inputs}: put it there, or mend the names.",
            )
        if self.solution is not None and not self.solution.exists():
            raise DataError(f"competition.yaml: solution: {self.solution} is not there", remedy=_NO_SOLUTION)
        reporter.note(f"{inputs}: every file that the contest names is there")

    def submit(self, file: Path, message: str, reporter: Reporter, *, wait_s: float) -> Scored:
        """Score ``file`` against the solution at once; without a solution it is kept and not scored."""
        if self.solution is None:
            return Scored(
                "complete", message="nothing scored this file: host: folder has no solution: in competition.yaml"
            )
        if self.scoring is None:
            raise HostError("host: folder cannot score a file before the contest's data has been read")
        board = score_submission(
            self._plain(file, SubmissionError),
            self._plain(self.solution, DataError),
            id_column=self.scoring.id_column,
            targets=self.scoring.targets,
            classes=self.scoring.classes,
            task=self.scoring.task,
            metric=self.scoring.metric,
            tag_separator=self.scoring.tag_separator,
            column=self.scoring.column,
            positive=self.scoring.positive,
            codes=self.scoring.codes,
        )
        where = f"{board.public_rows} public and {board.private_rows} private rows of {self.solution.name}"
        return Scored("complete", board.public, board.private, message=f"{self.scoring.metric.name} on {where}")

    def _plain(self, file: Path, error: type[DataError] | type[SubmissionError]) -> pd.DataFrame:
        """A file as a table with a row per id."""
        table = read_table(file, error)
        if self.scoring is None or self.scoring.plain is None:
            return table
        return self.scoring.plain(table, solution=error is DataError)

    def status(self, file: Path, sha256: str, reporter: Reporter) -> Scored | None:
        """Score the file again: a local score is never pending."""
        return self.submit(file, "", reporter, wait_s=0) if file.exists() else None

    def describe(self) -> list[str]:
        """Which files are there, and whether anything scores a submission."""
        lines = [f"{key}: {path}: {'found' if path.exists() else 'MISSING'}" for key, path in self._named().items()]
        if self.solution is None:
            return [*lines, "no solution: submissions are written and checked, and not scored"]
        return [*lines, f"solution: {self.solution}: {'found' if self.solution.exists() else 'MISSING'}"]

    def missing(self) -> str | None:
        """The files that the contest file names and that are not there."""
        absent = self._missing()
        if self.solution is not None and not self.solution.exists():
            absent.append(f"solution: {self.solution}")
        return f"put the missing files in place ({some(absent)})" if absent else None


_NO_SOLUTION = "Put the solution there, or leave the key out: nothing is then scored."


def read_table(path: Path, error: type[DataError] | type[SubmissionError]) -> pd.DataFrame:
    """A CSV with every cell as the text that it is: ``007`` stays an id and ``NA`` a label.

    Raises:
        error: when the file is missing, no regular file, or no CSV.
    """
    if not path.exists():
        if error is SubmissionError:
            raise error(f"{path} is not there")
        raise error(f"competition.yaml: solution: {path} is not there", remedy=_NO_SOLUTION)
    try:
        cells = read_csv_text(path).table
    except DataError as cause:
        raise error(cause.message, remedy=cause.remedy) from None
    columns = {name: cells[name].to_pandas().astype(object) for name in cells.column_names}
    return pd.DataFrame({name: column.where(column.notna(), "") for name, column in columns.items()}, dtype=str)
