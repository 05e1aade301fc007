"""Samples that call the columns of the outputs differently, add columns, or have a row per id and output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest
from named_contest import contest, rows, score, sent

from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError, SubmissionError
from outfold.runs.output_form import form_arguments
from outfold.submission import check

CLASSES = ["C", "CL", "D"]


def tables(target: str | list[str], table: pd.DataFrame | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = rows() if table is None else table
    names = [target] if isinstance(target, str) else target
    features = [name for name in table.columns if name in ("id", "a", "b")]
    return table[:28][[*features, *names]], table[28:][[*features, *names]]


def solved(
    root: Path, target: str | list[str], sample: pd.DataFrame, solution: pd.DataFrame | None = None, **keys: Any
):
    """A contest with a solution that calls its columns as the training table does, unless one is given."""
    train, truth = tables(target)
    names = [target] if isinstance(target, str) else target
    root.mkdir(exist_ok=True)
    (truth[["id", *names]] if solution is None else solution).to_csv(root / "solution.csv", index=False)
    return contest(root, train, truth.drop(columns=names), sample, target=target, solution="solution.csv", **keys)


def wide(columns: list[str], value: float = 0.3) -> pd.DataFrame:
    return rows()[28:][["id"]].assign(**dict.fromkeys(columns, value))


@pytest.mark.parametrize(
    "names",
    [
        [f"Status_{name}" for name in CLASSES],
        [f"{name}_prob" for name in CLASSES],
        [f"P({name})" for name in CLASSES],
        ["d", "c", "cl"],
    ],
)
def test_columns_match_the_classes_after_one_prefix_and_before_one_suffix(tmp_path: Path, names: list[str]) -> None:
    plain = solved(tmp_path / "plain", "status", wide(CLASSES), metric="log_loss")
    read = solved(tmp_path / "named", "status", wide(names), metric="log_loss")
    assert any("columns matched by name: " in note for note in read.warnings)
    file = sent(read)
    assert list(file.columns) == ["id", *names]
    order = sorted(names, key=lambda name: CLASSES.index(read.sample_format.columns[name]))
    assert file[order].to_numpy().tolist() == sent(plain)[CLASSES].to_numpy().tolist()
    assert score(read) == score(plain)


@pytest.mark.parametrize("names", [["class1", "class2"], ["1_x", "0_x"], ["predict_0", "predict_1"]])
def test_both_classes_of_a_binary_target(tmp_path: Path, names: list[str]) -> None:
    keys = {"task": "binary", "metric": "log_loss"}
    if names[0] == "class1":
        with pytest.raises(DataError, match="none of the classes of the training rows"):
            solved(tmp_path, "y", wide(names, 0.5), **keys)
        keys["submission"] = {"columns": {0: "class1", 1: "class2"}}
    read = solved(tmp_path, "y", wide(names, 0.5), **keys)
    file = sent(read)
    assert list(file.columns) == ["id", *names]
    assert np.allclose(file[names].astype(float).sum(axis=1), 1, atol=1e-6)
    assert score(read) > 0


@pytest.mark.parametrize("names", [["pred_a", "pred_price"], ["A", "Price"]])
def test_several_targets(tmp_path: Path, names: list[str]) -> None:
    table = rows().rename(columns={"a": "feature"}).assign(a=rows()["b"] * 2.0)
    train, test = table[:28][["id", "b", "a", "price"]], table[28:][["id", "b"]]
    read = contest(tmp_path, train, test, wide(names), target=["a", "price"], metric="rmse")
    assert list(sent(read).columns) == ["id", *names]


def test_names_that_match_in_two_ways_or_in_none_are_refused_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="have no column in it") as refused:
        solved(tmp_path, "status", wide(["x", "y", "z"]), metric="log_loss")
    assert "`submission: {columns: {C: x, ...}}`" in str(refused.value.remedy)
    columns = {"C": "x", "CL": "z", "D": "y"}
    read = solved(tmp_path, "status", wide(["x", "y", "z"]), metric="log_loss", submission={"columns": columns})
    assert read.sample_format.columns == {"x": "C", "z": "CL", "y": "D"} and score(read) > 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"E": "x"}, "'E' is no class, label or target of this contest"),
        ({"C": "w"}, "has no column 'w'"),
        ({"C": "x", "CL": "x", "D": "y"}, "the column x is named for several outputs"),
        ({"C": "x"}, "CL, D has no column"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        solved(tmp_path, "status", wide(["x", "y", "z"]), metric="log_loss", submission={"columns": columns})


def test_a_constant_column_beside_the_outputs_is_sent_as_it_stands(tmp_path: Path) -> None:
    for names in (CLASSES, [f"Status_{name}" for name in CLASSES]):
        read = solved(tmp_path, "status", wide(names).assign(Usage="Public"), metric="log_loss")
        assert any("Usage: no prediction; sent as in the sample" in note for note in read.warnings)
        assert set(sent(read)["Usage"]) == {"Public"} and score(read) > 0
    single = wide(["Predicted"]).assign(Usage="Private")
    assert list(sent(solved(tmp_path, "price", single, metric="rmse")).columns) == ["id", "Predicted", "Usage"]
    labels = rows()[28:][["id"]].assign(status="C", note="-")
    assert list(sent(solved(tmp_path, "status", labels, metric="accuracy")).columns) == ["id", "status", "note"]


def test_a_sample_that_repeats_features_keeps_them(tmp_path: Path) -> None:
    sample = rows()[28:][["b", "id"]].assign(y=0.5)[["y", "b", "id"]]
    read = solved(tmp_path, "y", sample, id="id", metric="auc")
    file = sent(read)
    assert list(file.columns) == ["y", "b", "id"] and file["b"].tolist() == sample["b"].astype(str).tolist()


def test_a_number_that_is_no_output_must_be_named(tmp_path: Path) -> None:
    sample = wide(["Predicted", "weight"])
    with pytest.raises(DataError, match="its columns Predicted, weight are none of the targets"):
        solved(tmp_path, "price", sample, metric="rmse")
    read = solved(tmp_path, "price", sample, metric="rmse", submission={"columns": {"price": "Predicted"}})
    assert set(sent(read)["weight"]) == {"0.3"} and score(read) > 0


def test_a_hook_that_changes_what_is_copied_is_refused(tmp_path: Path) -> None:
    read = solved(tmp_path, "price", wide(["price"]).assign(Usage="Public"), metric="rmse")
    file = read.sample_format.sample.assign(price=np.arange(12.0), Usage="Private")
    with pytest.raises(SubmissionError, match="Usage differs from the sample in 12 rows"):
        check(file, read.sample, **form_arguments(read))
    with pytest.raises(SubmissionError, match="columns missing: Usage"):
        check(file.drop(columns="Usage"), read.sample, **form_arguments(read))


def long(labels: list[str], form: str = "{id}_{label}", value: str = "Label") -> pd.DataFrame:
    ids = [form.format(id=number, label=label) for number in rows()["id"][28:] for label in labels]
    return pd.DataFrame({"id": ids, value: 0.5})


@pytest.mark.parametrize("form", ["{id}_{label}", "{label}-{id}", "ID {id} {label}"])
def test_a_row_per_id_and_label_in_the_id(tmp_path: Path, form: str) -> None:
    table = rows().assign(any=(rows()["b"] > 12).astype(int), y_any=(rows()["b"] > 20).astype(int))
    if "ID" in form:
        table["id"] = [f"ID {number}" for number in table["id"]]
    targets = ["y", "any", "y_any"]
    train, truth = tables(targets, table)
    sample = long(targets, form).sample(frac=1, random_state=0)
    read = contest(tmp_path, train, truth.drop(columns=targets), sample, target=targets, metric="log_loss")
    assert any("a row per id and output, which stands in id" in note for note in read.warnings)
    assert read.outputs == targets and len(read.sample) == 12
    file = sent(read)
    assert file["id"].tolist() == sample["id"].tolist() and list(file.columns) == ["id", "Label"]
    first = sample["id"].iloc[0]
    assert file["Label"].nunique() == 36 and first in set(file["id"])


def test_the_local_leaderboard_reads_long_and_wide_solutions_alike(tmp_path: Path) -> None:
    table = rows().assign(any=(rows()["b"] > 12).astype(int))
    targets = ["y", "any"]
    train, truth = tables(targets, table)
    keys = {"target": targets, "task": "multilabel", "metric": "log_loss", "solution": "solution.csv"}
    scores = []
    cells = truth[targets].to_numpy().ravel()
    usage = np.repeat(["Public", "Private", "Private"], 8)
    of_rows = np.array(["Public", "Private", "Private"]).repeat(4)
    for number, (sample, solution) in enumerate(
        [
            (wide(targets), truth[["id", *targets]].assign(Usage=of_rows)),
            (long(targets), truth[["id", *targets]].assign(Usage=of_rows)),
            (long(targets), long(targets).assign(Label=cells, Usage=usage)[::-1]),
        ]
    ):
        root = tmp_path / str(number)
        root.mkdir()
        solution.to_csv(root / "solution.csv", index=False)
        scores.append(score(contest(root, train, truth.drop(columns=targets), sample, **keys)))
    assert scores[0] == pytest.approx(scores[1], abs=1e-12) and scores[1] == scores[2]


def test_a_row_per_id_and_class_with_two_key_columns(tmp_path: Path) -> None:
    train, truth = tables("status")
    ids = rows()["id"][28:].to_numpy()
    sample = pd.DataFrame({"id": np.repeat(ids, 3), "class": CLASSES * 12, "probability": 1 / 3})
    read = contest(tmp_path, train, truth.drop(columns="status"), sample, target="status", metric="log_loss")
    assert any("which stands in the column class: C, CL, D" in note for note in read.warnings)
    file = sent(read)
    assert file[["id", "class"]].equals(sample[["id", "class"]].astype(str))
    sums = file["probability"].astype(float).groupby(file["id"]).sum()
    assert np.allclose(sums, 1, atol=1e-5)


def test_a_row_per_id_and_number_with_a_key_column(tmp_path: Path) -> None:
    train, truth = tables(["price", "y"])
    ids = rows()["id"][28:].to_numpy()
    sample = pd.DataFrame({"row": np.arange(24), "id": np.repeat(ids, 2), "what": ["price", "y"] * 12, "value": 0.0})
    keys = {"target": ["price", "y"], "task": "regression", "metric": "rmse", "id": "id"}
    with pytest.raises(DataError, match="12 values of id stand on more than one row"):
        contest(tmp_path, train, truth[["id", "a", "b"]], sample, **keys)
    read = contest(tmp_path, train, truth[["id", "a", "b"]], sample.drop(columns="row"), **keys)
    assert list(sent(read).columns) == ["id", "what", "value"]


def test_a_training_table_in_the_long_form_and_images_without_a_test_table(tmp_path: Path) -> None:
    """As in a contest of scans: train.csv has a row per scan and finding, the test scans are a folder."""
    import cv2

    findings = ["epidural", "subdural", "any"]
    names = [f"ID_{number:04x}" for number in range(20)]
    for place, name in enumerate(names):
        folder = tmp_path / "inputs" / ("train" if place < 12 else "test")
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 8), 10 * place, np.uint8))
    random = np.random.default_rng(0)
    train = pd.DataFrame({"ID": [f"{name}_{one}" for name in names[:12] for one in findings]})
    train["Label"] = random.integers(0, 2, len(train))
    train = pd.concat([train, train[:6]])
    sample = pd.DataFrame({"ID": [f"{name}_{one}" for name in names[12:] for one in findings], "Label": 0.5})
    keys = {"target": findings, "task": "multilabel", "metric": "log_loss", "test": "test"}
    read = load_contest(
        write_contest(
            tmp_path,
            train,
            None,
            sample,
            **keys,
            columns={"image": {"train": "train/{ID}.png", "test": "test/{ID}.png"}},
        )
    )
    assert read.train.index.tolist() == names[:12] and read.test.index.tolist() == names[12:]
    assert read.train.loc["ID_0001", "any"] == train["Label"].iloc[5]
    assert any("6 rows repeat another row" in note for note in read.warnings)
    assert sent(read)["ID"].tolist() == sample["ID"].tolist()


def test_a_training_row_that_contradicts_another_is_named(tmp_path: Path) -> None:
    train = pd.DataFrame({"ID": ["x_a", "x_b", "y_a", "y_b", "y_b"], "Label": [0, 1, 0, 1, 0]})
    sample = pd.DataFrame({"ID": ["z_a", "z_b"], "Label": 0.5})
    with pytest.raises(DataError, match="1 rows have the ID of another row, and another value: y_b"):
        contest(tmp_path, train, None, sample, target=["a", "b"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file[::-1], "the ids are in another order"),
        (lambda file: file[:-1], "23 rows; the sample has 24"),
        (lambda file: file.rename(columns={"Label": "label"}), "columns missing: Label"),
        (lambda file: file.assign(Label=[np.nan, *file["Label"][1:]]), "values are missing"),
        (lambda file: file.assign(Label=[1.5, *file["Label"][1:]]), "probabilities outside 0 to 1"),
    ],
)
def test_a_long_file_is_checked_like_any_other(tmp_path: Path, change: Any, message: str) -> None:
    table = rows().assign(any=(rows()["b"] > 12).astype(int))
    train, truth = tables(["y", "any"], table)
    keys = {"target": ["y", "any"], "task": "multilabel", "metric": "log_loss"}
    read = contest(tmp_path, train, truth[["id", "a", "b"]], long(["y", "any"]), **keys)
    file = read.sample_format.sample.assign(Label=np.linspace(0, 1, 24))
    check(file, read.sample, **form_arguments(read))
    with pytest.raises(SubmissionError, match=message):
        check(change(file), read.sample, **form_arguments(read))


def test_targets_of_several_kinds_under_other_names(tmp_path: Path) -> None:
    train, truth = tables(["price", "status"])
    sample = wide(["cost", "p_C", "p_CL", "p_D"])
    named = {"price": "cost", **{f"status={name}": f"p_{name}" for name in CLASSES}}
    keys = {"targets": {"price": {"metric": "rmse"}, "status": {"metric": "log_loss"}}}
    read = contest(
        tmp_path,
        train,
        truth[["id", "a", "b"]],
        sample,
        target=["price", "status"],
        submission={"columns": named},
        **keys,
    )
    assert list(sent(read).columns) == ["id", "cost", "p_C", "p_CL", "p_D"]


def test_a_sample_that_asks_for_another_column_of_the_training_table_is_refused(tmp_path: Path) -> None:
    table = rows()
    train, test = table[:28][["id", "a", "price"]].assign(cost=1.5), table[28:][["id", "a"]]
    sample = test[["id"]].assign(cost=0.5)
    with pytest.raises(ConfigError, match="another column of the training table") as error:
        contest(tmp_path / "wrong", train, test, sample, target="price")
    assert "{columns: {price: cost}}" in str(error.value.remedy)
    meant = contest(tmp_path / "meant", train, test, sample, target="price", submission={"columns": {"price": "cost"}})
    assert list(sent(meant).columns) == ["id", "cost"]
