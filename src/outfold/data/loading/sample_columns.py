"""The columns of a sample submission: which output each of them holds, told by name or by the contest file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from outfold.data.loading.find_ids import plain
from outfold.data.targets.targets import Target
from outfold.errors import ConfigError, DataError, in_yaml, nearest, quoted, some
from outfold.metrics import PER_CLASS, Subtask, columns_by_target

KEY = "competition/competition.yaml: submission.columns"


@dataclass(frozen=True)
class OutputColumns:
    """Which output each column of the sample submission holds.

    Attributes:
        renamed: from a column to its output, where the two names differ.
        copied: columns that hold no output.
        notes: what was guessed.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    copied: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def output_columns(
    sample: pd.DataFrame,
    target: Target,
    id_column: str,
    targets: Sequence[str],
    path: Path,
    *,
    subtasks: Sequence[Subtask] = (),
    declared: Mapping[str, str] | None = None,
    known_features: Collection[str] = (),
    train_only: Collection[str] = (),
) -> OutputColumns:
    """One column a class, a label or a target, by name; or a single column of any name for what one column can hold.

    Names match as they are, after one common prefix or before one common suffix (``Status_C``, ``Status_D``), or
    without case and punctuation. Columns of the test table, and text that is the same in every row, are no outputs.

    Args:
        sample: its columns, without the id.
        target: resolved.
        id_column: for messages.
        targets: the target columns.
        path: of the sample submission.
        subtasks: of a multitask contest.
        declared: ``submission.columns``: from an output to its column.
        known_features: columns of the test table.
        train_only: columns of the training table that the test table lacks, without the targets.

    Raises:
        ConfigError: ``submission.columns`` names an output or a column that is not there, or the only column is one of
            the training table that is no target.
        DataError: a column that is no output, or an output without a column.
    """
    columns = [str(name) for name in sample.columns]
    wanted = [str(name) for name in target.classes] if target.classes is not None else list(target.outputs)
    single = _one_column_is_enough(target, targets)
    if declared:
        return _as_declared(columns, wanted, targets[0] if single else None, declared, path, bool(subtasks))
    idle = tuple(name for name in columns if name in known_features or _is_constant_text(sample[name]))
    if subtasks:
        names = {*targets, *(str(value) for one in subtasks for value in one.classes or ())}
        idle = tuple(name for name in idle if name not in names)
        columns_by_target(subtasks, [name for name in columns if name not in idle], str(path), DataError)
        return OutputColumns({}, idle, _copied(path, idle))
    for kept in (columns, [name for name in columns if name not in idle]):
        copied = tuple(name for name in columns if name not in kept)
        if single and len(kept) == 1:
            if kept[0] in train_only and kept[0] not in wanted:
                raise _another_column(kept[0], targets[0], path)
            return OutputColumns({}, copied, _copied(path, copied))
        found = _by_name(wanted, kept)
        if found is not None:
            return OutputColumns(_differing(found), copied, (*_renamed(path, found, target), *_copied(path, copied)))
    # a single column of text is constant in most samples: its name tells it from the others
    rest = tuple(name for name in columns if name != targets[0])
    if single and targets[0] in columns and set(rest) <= set(idle):
        return OutputColumns({}, rest, _copied(path, rest))
    raise _unmatched(columns, wanted, target, id_column, path)


def _another_column(column: str, target: str, path: Path) -> ConfigError:
    return ConfigError(
        f"competition/competition.yaml: target: {quoted(target)}, and {path} asks for {quoted(column)}, another column "
        "of the training table",
        remedy=f"Name it: `target: {column}`; or, if {target} is meant, "
        f"`submission: {{columns: {{{target}: {column}}}}}`.",
    )


def _one_column_is_enough(target: Target, targets: Sequence[str]) -> bool:
    """Whether one column can hold the whole prediction."""
    if target.task == "multitask" or (target.task == "multilabel" and len(targets) > 1):
        return False
    return target.task != "regression" or len(target.outputs) == 1


def _as_declared(
    columns: list[str],
    wanted: list[str],
    only: str | None,
    declared: Mapping[str, str],
    path: Path,
    several: bool,
) -> OutputColumns:
    """The columns that the contest file names; the outputs that it leaves out have columns of their own names."""
    for output, column in declared.items():
        if output not in wanted and output != only:
            hint = nearest(output, wanted) or f"its outputs are {some(wanted, 8)}"
            raise ConfigError(f"{KEY}: {output!r} is no class, label or target of this contest; {hint}")
        if column not in columns:
            hint = nearest(column, columns) or f"its columns are {some(columns, 8)}"
            raise ConfigError(f"{KEY}: {output}: {path} has no column {column!r}; {hint}")
    twice = sorted({column for column in declared.values() if list(declared.values()).count(column) > 1})
    if twice:
        raise ConfigError(f"{KEY}: the column {some(twice)} is named for several outputs")
    if only is not None and only in declared and only not in wanted[1:]:
        if len(declared) > 1:
            raise ConfigError(f"{KEY}: names the target {only!r} and single classes", remedy="Name one of the two.")
        copied = tuple(name for name in columns if name != declared[only])
        return OutputColumns({}, copied, _copied(path, copied))
    found = {output: declared.get(output, output) for output in wanted}
    lacking = [output for output, column in found.items() if column not in columns]
    if lacking and not several:
        raise ConfigError(
            f"{KEY}: {some(lacking)} has no column: {path} has no column of that name",
            remedy=f"Name a column for each of {some(wanted, 8)}.",
        )
    found = {output: column for output, column in found.items() if column in columns}
    copied = () if several else tuple(name for name in columns if name not in found.values())
    return OutputColumns(_differing(found), copied, _copied(path, copied))


def _by_name(wanted: Sequence[str], columns: Sequence[str]) -> dict[str, str] | None:
    """From each output to its column, where every column is one output's; None where they do not match."""
    if len(wanted) != len(columns):
        return None
    if set(wanted) == set(columns):
        return {name: name for name in wanted}
    found = _with_affixes(wanted, columns)
    if found is not None:
        return found
    simple = {plain(name): name for name in columns}
    pairs = {name: simple.get(plain(name)) for name in wanted}
    chosen = {name: column for name, column in pairs.items() if column is not None}
    return chosen if len(set(chosen.values())) == len(columns) else None


def _with_affixes(wanted: Sequence[str], columns: Sequence[str]) -> dict[str, str] | None:
    """The columns as the outputs with one prefix and one suffix around all of them; None where there are none such."""
    extra, rest = divmod(sum(map(len, columns)) - sum(map(len, wanted)), len(columns))
    if rest or extra <= 0:
        return None
    # whichever column is that of the first output, prefix and suffix are what stands around it
    around = {
        (column[:before], column[before + len(wanted[0]) :])
        for column in columns
        if len(column) == len(wanted[0]) + extra
        for before in range(extra + 1)
        if column[before : before + len(wanted[0])] == wanted[0]
    }
    found = [{name: f"{prefix}{name}{suffix}" for name in wanted} for prefix, suffix in sorted(around)]
    fitting = [pairs for pairs in found if set(pairs.values()) == set(columns)]
    return fitting[0] if fitting and all(pairs == fitting[0] for pairs in fitting) else None


def _is_constant_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and values.nunique(dropna=False) <= 1


def _differing(found: Mapping[str, str]) -> dict[str, str]:
    return {column: output for output, column in found.items() if column != output}


def _renamed(path: Path, found: Mapping[str, str], target: Target) -> tuple[str, ...]:
    if not _differing(found):
        return ()
    what = {"multilabel": "label", "regression": "target"}.get(target.task, "class")
    pairs = some((f"{column} is the {what} {output}" for output, column in found.items()), 4)
    return (f"{path.name}: columns matched by name: {pairs}; `submission: {{columns: ...}}` says otherwise",)


def _copied(path: Path, copied: Sequence[str]) -> tuple[str, ...]:
    return (f"{path.name}: {some(copied)}: no prediction; sent as in the sample",) if copied else ()


def _unmatched(columns: list[str], wanted: list[str], target: Target, id_column: str, path: Path) -> DataError:
    extra = [name for name in columns if name not in wanted]
    lacking = [name for name in wanted if name not in columns]
    what = {"multilabel": "labels", "regression": "targets"}.get(target.task, "classes")
    parts = []
    if extra:
        parts.append(f"its columns {some(extra)} are none of the {what} of the training rows ({some(wanted)})")
    if lacking:
        parts.append(f"the {what} {some(lacking)} have no column in it")
    either = "" if target.task not in PER_CLASS and target.task != "binary" else ", or one column alone"
    first, other = (lacking or wanted)[0], in_yaml(extra[0]) if extra else "<column>"
    return DataError(
        f"{path}: {'; '.join(parts)}",
        remedy=f"Check `target` and `task`: beside {id_column}, it needs one column for each of the {what}{either}, or "
        f"a row for each id and one of them. Where they are called otherwise, name each: "
        f"`submission: {{columns: {{{in_yaml(first)}: {other}, ...}}}}`.",
    )
