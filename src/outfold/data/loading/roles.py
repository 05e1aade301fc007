"""Which columns models may use, and as what: as declared, the rest inferred from the training rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pandas as pd

from outfold.config.competition import ColumnRoles, Role
from outfold.data.reading.column_types import is_text
from outfold.data.reading.dates import parse_dates, remarks_on_dates, without_zero_dates
from outfold.data.reading.number_text import written_numbers
from outfold.errors import ConfigError, DataError, nearest, quoted, some

MANY_DISTINCT = 50


@dataclass(frozen=True)
class Roles:
    """Feature columns by what they are; never the id, the target, or what a fold is split by.

    Attributes:
        continuous: numbers.
        categorical: text, booleans, or numbers that were declared to be categories.
        dates: datetime64 columns.
        text: free text, as declared.
        image: whether every row has an image.
    """

    continuous: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    image: bool = False


def listed(declared: ColumnRoles, role: Role) -> list[str]:
    """The columns that the contest file gives a role, in its list or by their names."""
    by_name = [name for name, said in declared.roles.items() if said == role]
    by_form = declared.date_formats if role == "dates" else ()
    return list(dict.fromkeys([*(getattr(declared, role) or []), *by_name, *by_form]))


def declared_columns(declared: ColumnRoles) -> set[str]:
    """The columns that the contest file gives any role of a feature, or none at all (``ignore``)."""
    return {name for role in get_args(Role) for name in listed(declared, role)}


def check_declared(declared: ColumnRoles, train: pd.DataFrame, test: pd.DataFrame, paths: Sequence[Path]) -> None:
    """Every column that the contest file gives a role is there.

    Raises:
        ConfigError: it is not in the training table, with the nearest names.
        DataError: it is a feature, and not in the test table.
    """
    by_role = {role: listed(declared, role) for role in get_args(Role)}
    by_role["group"] = [declared.group] if declared.group else []
    known = [str(name) for name in train.columns]
    for role, names in by_role.items():
        for name in names:
            # a column that only the test table has may well be one to ignore
            if name not in known and not (role == "ignore" and name in test.columns):
                hint = nearest(name, known) or f"its columns are {some(known, limit=8)}"
                raise ConfigError(
                    f"competition/competition.yaml: columns.{_key(declared, role, name)}: "
                    f"{paths[0]} has no column {quoted(name)}; {hint}"
                )
            if role not in ("ignore", "group") and name not in test.columns:
                raise DataError(
                    f"{paths[1]}: there is no column {quoted(name)}, which competition/competition.yaml calls {role}",
                    remedy="A model can only use columns that the test set has, too: list it under columns.ignore.",
                )


def _key(declared: ColumnRoles, role: str, name: str) -> str:
    if declared.roles.get(name) == role:
        return "roles"
    return "date_formats" if role == "dates" and name in declared.date_formats else role


def infer_roles(
    declared: ColumnRoles, train: pd.DataFrame, test: pd.DataFrame, reserved: Collection[str], *, image: bool
) -> tuple[Roles, tuple[str, ...]]:
    """The role of each column.

    A role that is declared as a list holds these columns and no other; one that ``columns.roles`` gives a single column
    leaves the other columns to be inferred: numbers are continuous; booleans and text with
    repeated values are categorical; text that is nearly all distinct (names, free text), constant columns, and columns
    that the test set lacks are left out.

    Args:
        declared: ``columns:`` of the contest file, checked.
        train, test: the feature columns by id.
        reserved: columns that are no features: targets, groups, folds, image files.
        image: whether the rows have images.

    Returns:
        the roles, and a warning for each reason for which columns were left out.
    """
    said = declared_columns(declared)
    continuous, categorical, dates, text = (
        listed(declared, role) for role in ("continuous", "categorical", "dates", "text")
    )
    left: dict[str, list[str]] = {}
    for name in train.columns:
        if name in said or name in reserved:
            continue
        values = train[name]
        if name not in test.columns:
            left.setdefault("are not in the test set", []).append(name)
            continue
        kind = _kind(values)
        if kind is None:
            left.setdefault("hold neither numbers nor text", []).append(name)
        elif str(name).startswith("Unnamed: "):
            left.setdefault("have no name (most often the row's number)", []).append(name)
        elif _constant(values):
            left.setdefault("hold one value only", []).append(name)
        elif kind == "date":
            dates.append(name)
        elif kind == "number":
            _place(name, continuous, declared.continuous, "continuous", left)
        elif declared.categorical is None and is_text(values) and _nearly_distinct(values):
            left.setdefault("are text that hardly ever repeats", []).append(name)
        else:
            _place(name, categorical, declared.categorical, "categorical", left)
    notes = tuple(f"columns left out because they {reason}: {some(names, 10)}" for reason, names in left.items())
    return Roles(continuous, categorical, dates, text, image), notes


def _place(name: str, names: list[str], declared: list[str] | None, role: str, left: dict[str, list[str]]) -> None:
    if declared is None:
        names.append(name)
    else:
        left.setdefault(f"are not listed under columns.{role}", []).append(name)


def _kind(values: pd.Series) -> str | None:
    if pd.api.types.is_bool_dtype(values) or isinstance(values.dtype, pd.CategoricalDtype) or is_text(values):
        return "category"
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(values) else None


def _constant(values: pd.Series) -> bool:
    """Whether all rows hold one value, or none does; the first rows settle it nearly always."""
    return values.iloc[:1000].nunique(dropna=False) <= 1 and values.nunique(dropna=False) <= 1


def _nearly_distinct(values: pd.Series) -> bool:
    distinct, present = values.nunique(), int(values.notna().sum())
    return distinct == present or (distinct > MANY_DISTINCT and distinct > present / 2)


def typed_by_role(
    roles: Roles,
    train: pd.DataFrame,
    test: pd.DataFrame,
    train_path: Path,
    test_path: Path,
    date_formats: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both tables with dates as datetime64 and numbers as numbers, and what to say of it.

    Args:
        date_formats: the form of a column's dates, where the contest file says it.

    Raises:
        DataError: a value that is no date, or numbers that are dates in two ways.
    """
    notes: list[str] = []
    changed: list[dict[str, pd.Series]] = [{}, {}]
    for name in [*roles.dates, *roles.continuous]:
        parts = [train[name], test[name]]
        wheres = [f"{train_path}: {name}", f"{test_path}: {name}"]
        if name in roles.dates:
            parts, zeros = without_zero_dates(parts, wheres)
            notes += zeros
            written = (date_formats or {}).get(name)
            given, parts = parts, parse_dates(parts, wheres, written)
            if written is None:
                notes += remarks_on_dates(given, parts, wheres[0])
        elif any(is_text(part) and part.notna().any() for part in parts):
            parts, said = written_numbers(parts, wheres)
            notes += said
        else:
            continue
        for columns, part in zip(changed, parts, strict=True):
            columns[name] = part
    return train.assign(**changed[0]), test.assign(**changed[1]), notes
