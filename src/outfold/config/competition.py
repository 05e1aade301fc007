"""``competition/competition.yaml``: what the contest asks. Every key is documented here, once."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from outfold.config.base import StrictModel
from outfold.config.features import Feature
from outfold.config.folds import FoldKind as FoldKind
from outfold.config.folds import FoldsConfig
from outfold.config.value_types import listed, short_form
from outfold.errors import quoted

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ADDRESS = re.compile(
    r"(?:https?:)?/*(?:[\w-]+\.)*kaggle\.com/(?P<path>.*)|/*(?P<bare>(?:c|competitions|t)/.*)", re.IGNORECASE
)
_EXAMPLE = "the last part of the contest's address, such as titanic of https://www.kaggle.com/competitions/titanic"


@short_form()
def as_slug(value: Any) -> Any:
    """``value``, if it is a slug.

    Raises:
        ValueError: it is not; names the slug where it contains one.
    """
    if not isinstance(value, str) or _SLUG.fullmatch(value):
        return value
    shown = quoted(value, 100)
    if not value.strip():
        raise ValueError(f"it is empty; expected {_EXAMPLE}")
    if (address := _ADDRESS.fullmatch(value.strip())) is not None:
        kind, _, rest = (address["path"] or address["bare"] or "").partition("/")
        name = _SLUG.match(rest)
        if kind.lower() in ("c", "competitions") and name is not None:
            raise ValueError(f"{shown} is the contest's address; expected its slug alone: {name[0]}")
        if kind.lower() in ("datasets", "code", "models", "discussion"):
            raise ValueError(f"{shown} is the address of {kind}, not of a contest; expected {_EXAMPLE}")
        raise ValueError(f"{shown} is an address without a contest's slug; expected {_EXAMPLE}")
    if (name := _SLUG.fullmatch(value.strip().strip("/"))) is not None:
        raise ValueError(f"{shown} has a blank or slash around it; expected {name[0]}")
    if re.search(r"\s", value):
        raise ValueError(f"{shown} looks like the contest's title: a slug has no blanks; expected {_EXAMPLE}")
    raise ValueError(
        f"{shown} is no slug (letters, digits, '-', '_' and '.', the first a letter or digit); expected {_EXAMPLE}"
    )


Role = Literal["categorical", "continuous", "dates", "text", "ignore"]
TargetTask = Literal["binary", "multiclass", "ordinal", "multilabel", "regression"]
Task = Literal["binary", "multiclass", "ordinal", "multilabel", "regression", "multitask"]


DATE_UNITS = ("excel", "D", "s", "ms", "us", "ns")
"""Forms of a date that are counted: days as spreadsheets have them, and days to nanoseconds since 1970."""


def _check_date_format(name: str, written: str) -> None:
    """Refuse what is no form of a date: one that does not bring a date's year back."""
    if written in DATE_UNITS:
        return
    day = datetime(2017, 12, 31, 13, 45, 58, tzinfo=UTC)
    try:
        fits = datetime.strptime(day.strftime(written), written).year == day.year
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"date_formats: {name}: expected a form such as %d%m%Y, or {', '.join(DATE_UNITS)}")


Columns = Annotated[list[str], BeforeValidator(listed)]


class ImageSource(StrictModel):
    """Where each part's images lie, when train and test differ."""

    train: str
    """A template such as ``train/{id}.jpg`` (any column may stand in braces, and be cut: ``{id[0]}``, ``{id[:2]}``) or a column that holds file names."""
    test: str
    """The same for the test rows."""


class ColumnRoles(StrictModel):
    """Columns by the role that they play; what is left out is inferred from the files."""

    image: ImageSource | str | None = None
    """One image a row: a template relative to inputs/ (``train/{id}.jpg``), a column of file names, or one each for train and test."""
    categorical: Columns | None = None
    """Columns of categories. Inferred: strings with repeated values, booleans."""
    continuous: Columns | None = None
    """Columns of numbers. Inferred: every other numeric column."""
    text: Columns = []
    """Columns of free text. The learners of this version leave them out."""
    dates: Columns = []
    """Columns of dates or times. Tabular learners use them as seconds since 1970, and calendar parts."""
    date_formats: dict[str, str] = {}
    """The form of a column's dates, where the values do not show it: as strptime takes it (`{when: "%d%m%Y"}`), or `excel` (days as spreadsheets count them), or D, s, ms, us, ns (since 1970). Such a column is one of `dates`."""
    group: str | None = None
    """The column of groups that a split must keep together (patient, user, scene)."""
    ignore: Columns = []
    """Columns that no model may use."""
    roles: dict[str, Role] = {}
    """The role of single columns (`roles: {Pclass: categorical}`), where the others are to be inferred all the same; a list above is the whole of its role."""

    @model_validator(mode="after")
    def _one_role_a_column(self) -> ColumnRoles:
        for name, role in self.roles.items():
            for other in get_args(Role):
                if other != role and name in (getattr(self, other) or []):
                    raise ValueError(f"{name!r} is {role} under columns.roles, and listed under columns.{other}")
        for name, written in self.date_formats.items():
            others = [role for role in get_args(Role) if role != "dates" and name in (getattr(self, role) or [])]
            others += [role for role in [self.roles.get(name, "dates")] if role != "dates"]
            if others:
                raise ValueError(f"{name!r} has a form under columns.date_formats, and is {others[0]}")
            _check_date_format(name, written)
        return self


class TargetConfig(StrictModel):
    """What one target of several asks (task: multitask)."""

    task: TargetTask | None = None
    """Inferred from its values, as that of a single target is."""
    metric: str | None = None
    """Its own metric, by name or hooks.py:function. Left out: the contest's `metric`, or the default of its task."""
    weight: float = Field(default=1.0, ge=0)
    """What its metric weighs in the contest's score, which is the weighted mean. 0: an auxiliary target, learnt and shown, that the contest does not ask for."""
    order: list[Any] | None = Field(default=None, min_length=2)
    """The classes from the lowest to the highest, for task: ordinal."""
    positive: Any = None
    """The class that a binary probability speaks of."""


@short_form()
def _text_keys(value: Any) -> Any:
    """Classes as text: YAML reads 0 and true as what they are."""
    return {str(key): column for key, column in value.items()} if isinstance(value, dict) else value


class SubmissionConfig(StrictModel):
    """How outputs become the file."""

    columns: Annotated[dict[str, str], BeforeValidator(_text_keys)] = {}
    """From a class, label or target to its column in the sample submission, where the names differ (`columns: {C: Status_C, D: Status_D}`); of a single column, from the target (`columns: {price: Predicted}`). All other columns are sent as they stand in the sample. Left out: matched by name, after one common prefix or before one common suffix, too."""
    clip: float = Field(default=0.0, ge=0, lt=0.5)
    """Clip probabilities to [clip, 1 - clip]: a cheap insurance under log loss."""


class CompetitionConfig(StrictModel):
    """The contest: where it lives, its files, its columns by role, its metric and its folds."""

    host: Literal["kaggle", "folder", "demo"]
    """Where the contest lives: kaggle, folder (the data is already in inputs/), or demo (handwritten digits)."""
    slug: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """The contest's name in its web address."""
    solution: str | None = None
    """For host: folder: a CSV of the test rows' truth (id, target, Usage = Public/Private), relative to the contest's root."""
    train: str = "train.csv"
    """The training table (CSV, plain or compressed, Parquet or Feather, recognised by the first bytes), or a folder with one folder of images a class; relative to inputs/."""
    label_pattern: str | None = None
    """For train: a folder of images named by their class, such as cat.0.jpg: a regular expression for the whole path within the folder, without its ending; its named groups are columns (`(?P<label>cat|dog)[.][0-9]+`); the targets must be among them."""
    test: str | None = None
    """The test table, or a folder of images. Left out: test.csv where there is one, else the rows of the sample submission."""
    sample_submission: str = "sample_submission.csv"
    """The sample submission: its ids, order and columns are the law for the file that is sent."""
    id: str | None = None
    """The id column, by its name in the sample submission. Left out: the first column of the sample submission. A table that calls it otherwise is matched by content, or by train_id and test_id."""
    train_id: Literal["row_number"] | Columns | None = None
    """How the training rows get their ids: the columns that together name a row (`[Store, Date]`, or `[id, visit]` where ids repeat), or row_number. Left out: the id column; without one the columns that name the test rows, else the row's number from 0."""
    test_id: Literal["row_number"] | Columns | None = None
    """How the test rows get the ids of the sample submission: a column, columns with values that make an id when joined by `_` (`[Store, Dept, Date]`), or row_number, counted from the least number of the sample. Left out: the id column; without one whatever gives the ids of the sample, which `outfold check` tells."""
    target: Annotated[list[str], BeforeValidator(listed)] = Field(default=["target"], min_length=1)
    """The target column, or a list of them. For class folders: the name to give to the class."""
    task: Task | None = None
    """Inferred from the target: two values are binary, text or few whole numbers multiclass, several 0/1 columns or tags multilabel; `order` makes it ordinal, `targets` multitask."""
    order: list[Any] | None = Field(default=None, min_length=2)
    """The classes from the lowest to the highest, for task: ordinal. Left out: numbers sort themselves."""
    targets: dict[str, TargetConfig] = {}
    """What each target asks, by its column, where there are several of several kinds (task: multitask); what is left out is inferred."""
    positive: Any = None
    """The class that a binary probability speaks of. Left out: the greater of the two (1, True, yes); in the file, the class that the sample's single column is named after, if it is."""
    tag_separator: str = " "
    """What separates the labels in one column of tags (task: multilabel). Lists (['a', 'b'], JSON's too) are read as such."""
    metric: str | None = None
    """By name, or hooks.py:function. Left out: auc, log_loss, qwk (ordinal), mean_columnwise_log_loss or rmse, by task."""
    columns: ColumnRoles = ColumnRoles()
    """Columns by their role."""
    features: list[Feature] = []
    """Features to make of columns, in order, for the learners of tables (see features.md). A pipeline adds its own."""
    folds: FoldsConfig = FoldsConfig()
    """How the training rows are split."""
    train_where: str | None = Field(default=None, min_length=1)
    """Learn from, and score, only the training rows of which this holds: a condition on the columns of the training table, targets included, as pandas' query takes it (`Sales > 0`). The others have no fold; features that look at other rows still see them."""
    on_bad_image: Literal["error", "drop"] = "error"
    """An unreadable image ends the run, or is dropped: from training, and to a grey image in the test set."""
    submission: SubmissionConfig = SubmissionConfig()
    """How outputs become the file."""

    @field_validator("slug", mode="before")
    @classmethod
    def _no_address(cls, value: Any) -> Any:
        return as_slug(value)

    @model_validator(mode="before")
    @classmethod
    def _tasks_that_are_implied(cls, keys: Any) -> Any:
        if not isinstance(keys, dict):
            return keys
        if isinstance(keys.get("targets"), dict) and keys["targets"]:
            keys = {"target": [str(name) for name in keys["targets"]], "task": "multitask", **keys}
        elif keys.get("order") is not None and keys.get("task") != "multitask":
            keys = {"task": "ordinal", **keys}
        return keys

    @model_validator(mode="after")
    def _id_is_no_target(self) -> CompetitionConfig:
        if self.id in self.target:
            raise ValueError(f"target: {self.id!r} is the id column; name the column to be predicted")
        return self

    @model_validator(mode="after")
    def _one_task_or_several(self) -> CompetitionConfig:
        if self.targets and self.task != "multitask":
            raise ValueError(f"targets: is for task: multitask, not for task: {self.task}")
        if self.task != "multitask":
            if self.order is not None and self.task != "ordinal":
                raise ValueError(f"order: is for task: ordinal, not for task: {self.task}")
            return self
        if len(self.target) < 2:
            raise ValueError("task: multitask needs several columns in target:")
        if self.order is not None or self.positive is not None:
            key = "order" if self.order is not None else "positive"
            raise ValueError(f"{key}: belongs to one target: write targets: {{<column>: {{{key}: ...}}}}")
        strange = [name for name in self.targets if name not in self.target]
        if strange:
            raise ValueError(f"targets: {strange[0]!r} is not among target: {', '.join(self.target)}")
        if self.targets and not any(self.targets.get(name, TargetConfig()).weight for name in self.target):
            raise ValueError("targets: all weigh 0, and nothing would be scored")
        wrong = [n for n, one in self.targets.items() if one.order is not None and one.task not in (None, "ordinal")]
        if wrong:
            raise ValueError(f"targets: {wrong[0]}: order: is for task: ordinal")
        return self

    @field_validator("target")
    @classmethod
    def _each_target_once(cls, value: list[str]) -> list[str]:
        twice = [name for place, name in enumerate(value) if name in value[:place]]
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice; name each target once")
        return value

    @model_validator(mode="after")
    def _pattern_names_the_targets(self) -> CompetitionConfig:
        if self.label_pattern is not None:
            try:
                groups = re.compile(self.label_pattern).groupindex
            except re.error as error:
                raise ValueError(f"label_pattern: no regular expression ({error})") from None
            lacking = [name for name in self.target if name not in groups]
            if lacking:
                raise ValueError(f"label_pattern: has no group (?P<{lacking[0]}>...) for the target {lacking[0]!r}")
        return self

    @model_validator(mode="after")
    def _solution_is_local(self) -> CompetitionConfig:
        if self.solution is not None and self.host != "folder":
            raise ValueError("solution: is only read with host: folder")
        return self
