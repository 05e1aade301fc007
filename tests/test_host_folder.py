"""A contest in a folder, and the leaderboard that its solution file makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, roc_auc_score, root_mean_squared_error

from outfold.config.competition import CompetitionConfig, Task
from outfold.errors import DataError, SubmissionError
from outfold.hosts.host import Scoring
from outfold.hosts.leaderboard import Leaderboard, score_submission
from outfold.hosts.registry import get_host
from outfold.metrics import get_metric
from outfold.progress import Reporter


def board(
    sent: dict[str, list[Any]],
    truth: dict[str, list[Any]],
    *,
    task: Task = "multiclass",
    metric: str = "accuracy",
    classes: list[str] | None = None,
    targets: list[str] | None = None,
) -> Leaderboard:
    return score_submission(
        pd.DataFrame(sent),
        pd.DataFrame(truth),
        id_column="id",
        targets=targets or ["label"],
        classes=["a", "b", "c"] if classes is None else classes,
        task=task,
        metric=get_metric(metric, task=task),
    )


def test_the_public_and_the_private_part_are_scored_apart_and_ignored_rows_by_neither() -> None:
    told = board(
        {"id": [1, 2, 3, 4, 5], "label": ["a", "b", "c", "c", "c"]},
        {
            "id": [1, 2, 3, 4, 5],
            "label": ["a", "a", "c", "c", "a"],
            "Usage": ["Public", "public", "Private", "Private", "Ignored"],
        },
    )
    assert told == Leaderboard(public=0.5, private=1.0, public_rows=2, private_rows=2, ignored_rows=1)


def test_without_a_usage_column_everything_is_private() -> None:
    told = board({"id": [1, 2], "label": ["a", "b"]}, {"id": [1, 2], "label": ["a", "c"]})
    assert (told.public, told.private, told.private_rows) == (None, 0.5, 2)


def test_rows_are_matched_by_id_never_by_position() -> None:
    told = board({"id": ["y", "x"], "label": ["b", "a"]}, {"id": ["x", "y"], "label": ["a", "b"]})
    assert told.private == 1.0


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(12)))
def test_no_order_of_the_rows_changes_the_score(order: list[int]) -> None:
    rng = np.random.default_rng(0)
    truth = pd.DataFrame({"id": range(12), "label": rng.choice(["a", "b", "c"], 12)})
    probabilities = rng.dirichlet([1, 1, 1], 12)
    sent = pd.DataFrame({"id": range(12), **{name: probabilities[:, i] for i, name in enumerate("abc")}})
    how: dict[str, Any] = {
        "id_column": "id",
        "targets": ["label"],
        "classes": ["a", "b", "c"],
        "task": "multiclass",
        "metric": get_metric("log_loss", task="multiclass"),
    }
    told = score_submission(sent.iloc[order], truth, **how)
    assert told.private == pytest.approx(log_loss(truth["label"], probabilities, labels=["a", "b", "c"]))


def test_a_column_a_class_holds_probabilities_whatever_the_order_of_the_columns() -> None:
    told = board(
        {"id": [1, 2], "c": [0.1, 0.7], "a": [0.8, 0.1], "b": [0.1, 0.2]},
        {"id": [1, 2], "label": ["a", "c"]},
        metric="log_loss",
    )
    assert told.private == pytest.approx(-np.log([0.8, 0.7]).mean())


def test_labels_that_are_numbers_are_the_same_with_and_without_a_point() -> None:
    told = board(
        {"id": [1, 2, 3], "label": [0.0, 1.0, 2.0]},
        {"id": [1, 2, 3], "label": ["0", "1", "1"]},
        classes=["0", "1", "2"],
    )
    assert told.private == pytest.approx(2 / 3)


def test_several_labels_in_a_cell_are_a_ranking() -> None:
    told = board(
        {"id": [1, 2, 3], "label": ["b a c", "a b", "c a b"]},
        {"id": [1, 2, 3], "label": ["a", "a", "b"]},
        metric="map@3",
    )
    assert told.private == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)


def test_a_binary_column_of_numbers_is_the_probability_of_the_positive_class() -> None:
    scores, truth = [0.1, 0.4, 0.35, 0.8], ["no", "no", "yes", "yes"]
    told = board(
        {"id": [1, 2, 3, 4], "label": scores},
        {"id": [1, 2, 3, 4], "label": truth},
        task="binary",
        metric="auc",
        classes=["no", "yes"],
    )
    assert told.private == roc_auc_score([0, 0, 1, 1], scores)


@pytest.mark.parametrize(("sent", "classes"), [(["no", "yes", "yes"], ["no", "yes"]), ([1, 2, 2], ["1", "2"])])
def test_a_binary_column_of_labels_becomes_zeros_and_ones(sent: list[Any], classes: list[str]) -> None:
    told = board(
        {"id": [1, 2, 3], "label": sent},
        {"id": [1, 2, 3], "label": [classes[0], classes[1], classes[0]]},
        task="binary",
        metric="accuracy",
        classes=classes,
    )
    assert told.private == pytest.approx(2 / 3)


def test_a_column_of_tags_becomes_one_column_a_tag() -> None:
    told = board(
        {"id": [1, 2], "label": ["a b", ""]},
        {"id": [1, 2], "label": ["b", "c"]},
        task="multilabel",
        metric="f1_micro",
    )
    assert told.private == pytest.approx(f1_score([[0, 1, 0], [0, 0, 1]], [[1, 1, 0], [0, 0, 0]], average="micro"))


def test_several_targets_of_numbers_are_scored_together() -> None:
    told = board(
        {"id": [1, 2], "x": [1.0, 2.0], "y": [0.0, 1.0]},
        {"id": [1, 2], "x": [1.5, 2.0], "y": [0.0, 3.0]},
        task="regression",
        metric="rmse",
        classes=[],
        targets=["x", "y"],
    )
    both = get_metric("rmse", task="regression").score(np.array([[1.5, 0], [2, 3]]), np.array([[1.0, 0], [2, 1]]))
    assert told.private == pytest.approx(both)


def test_one_target_of_numbers() -> None:
    told = board(
        {"id": [1, 2], "price": ["1.5", "2"]},
        {"id": [1, 2], "price": ["1", "4"]},
        task="regression",
        metric="rmse",
        classes=[],
        targets=["price"],
    )
    assert told.private == pytest.approx(root_mean_squared_error([1, 4], [1.5, 2]))


def test_a_solution_with_a_column_a_class_is_read_too() -> None:
    told = board(
        {"id": [1, 2], "label": ["a", "b"]}, {"id": [1, 2], "a": [1, 0], "b": [0, 0], "c": [0, 1]}, metric="accuracy"
    )
    assert told.private == 0.5


def test_labels_in_a_solution_may_be_true_and_false_as_in_a_training_table() -> None:
    told = board(
        {"id": [1, 2], "a": [1, 0], "b": [0, 1]},
        {"id": [1, 2], "a": ["True", "False"], "b": ["0.0", "1"]},
        task="multilabel",
        metric="f1_micro",
        classes=["a", "b"],
        targets=["a", "b"],
    )
    assert told.private == 1


@pytest.mark.parametrize("cell", ["yes", "2", ""])
def test_labels_in_a_solution_that_are_neither_are_named_with_what_to_write(cell: str) -> None:
    with pytest.raises(DataError, match=f"'{cell}' in column 'a', row '1'.*0 or 1") as caught:
        board(
            {"id": [1], "a": [1], "b": [0]},
            {"id": [1], "a": [cell], "b": ["1"]},
            task="multilabel",
            metric="f1_micro",
            classes=["a", "b"],
            targets=["a", "b"],
        )
    assert "True and False" in caught.value.remedy


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ({"id": [1], "label": ["a"]}, "no row for 1 ids of the submission: 2"),
        ({"id": [1, 2, 2], "label": ["a", "a", "b"]}, "1 ids more than once: 2"),
        ({"id": [1, 2], "label": ["a", "z"]}, "'z' in row '2', which is not among the classes"),
        ({"id": [1, 2], "label": ["a", "b"], "Usage": ["Public", "Test"]}, "'Test' in row '2'"),
        ({"id": [1, 2], "label": ["a", "b"], "Usage": ["Ignored", "Ignored"]}, "nothing can be scored"),
        ({"id": [1, 2], "lable": ["a", "b"]}, "no column label"),
        ({"ID": [1, 2], "label": ["a", "b"]}, "no column id"),
        ({"id": [1, 2], "a": [1, 1], "b": [1, 0], "c": [0, 0]}, "exactly one class in a row"),
    ],
)
def test_a_wrong_solution_is_told_in_words(truth: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        board({"id": [1, 2], "label": ["a", "b"]}, truth)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"id": [1], "label": ["a"]}, "must have 2 rows and has 1; it lacks the ids 2"),
        ({"id": [1, 1, 2], "label": ["a", "a", "b"]}, "more than once"),
        ({"id": [1, 2], "label": ["a", "z"]}, "'z' in column 'label', row '2'"),
        ({"id": [1, 2], "a": [0.5, None], "b": [0.5, 0.5], "c": [0, 0]}, "finite number"),
        ({"id": [1, 2], "answer": ["a", "b"], "why": ["x", "y"]}, "no column label"),
    ],
)
def test_a_wrong_submission_is_told_in_words(sent: dict[str, list[Any]], said: str) -> None:
    with pytest.raises(SubmissionError, match=said):
        board(sent, {"id": [1, 2], "label": ["a", "b"]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    (inputs / "train.csv").write_text("id,label\n1,a\n")
    (inputs / "sample_submission.csv").write_text("id,label\n007,a\n008,a\n")
    (tmp_path / "solution.csv").write_text("id,label,Usage\n007,NA,Public\n008,b,Private\n")
    return tmp_path


def config(**changes: Any) -> CompetitionConfig:
    return CompetitionConfig(**{"host": "folder", "slug": "mine", "solution": "solution.csv", **changes})


SCORING = Scoring("id", ["label"], ["NA", "b"], "multiclass", get_metric("accuracy", task="multiclass"))


def test_ids_and_labels_are_read_as_the_text_that_they_are(root: Path) -> None:
    (root / "sent.csv").write_text("id,label\n008,NA\n007,NA\n")
    host = get_host(config(), root, root / "inputs", SCORING)
    scored = host.submit(root / "sent.csv", "", Reporter(), wait_s=0)
    assert (scored.status, scored.public, scored.private) == ("complete", 1.0, 0.0)
    assert host.status(root / "sent.csv", "", Reporter()) == scored


def test_without_a_solution_nothing_is_scored_and_that_is_said(root: Path) -> None:
    scored = get_host(config(solution=None), root, root / "inputs").submit(
        root / "inputs" / "sample_submission.csv", "", Reporter(), wait_s=0
    )
    assert (scored.status, scored.public, scored.private) == ("complete", None, None)
    assert "nothing scored this file" in scored.message


def test_every_file_that_is_missing_is_named_with_where_it_was_looked_for(root: Path) -> None:
    host = get_host(config(test="test.parquet", train="trains.csv"), root, root / "inputs")
    with pytest.raises(DataError) as caught:
        host.download(root / "inputs", Reporter())
    assert str(root / "inputs" / "trains.csv") in caught.value.message
    assert str(root / "inputs" / "test.parquet") in caught.value.message
    assert sum("MISSING" in line for line in host.describe()) == 2


def test_a_solution_that_is_missing_is_named_before_it_is_needed(root: Path) -> None:
    (root / "solution.csv").unlink()
    with pytest.raises(DataError, match=r"solution\.csv is not there"):
        get_host(config(), root, root / "inputs").download(root / "inputs", Reporter())


def test_data_that_is_all_there_is_left_alone(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    get_host(config(), root, root / "inputs").download(root / "inputs", Reporter())
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("form", ["cr", "gzip", "utf-16", "semicolons", "fifo", "html"])
def test_a_solution_is_read_as_any_table_or_refused(tmp_path: Path, form: str) -> None:
    import gzip
    import os

    from outfold.errors import DataError
    from outfold.hosts.folder import read_table

    text, path = "id,label\n007,NA\n008,\n", tmp_path / "solution.csv"
    forms = {
        "cr": text.replace("\n", "\r").encode(),
        "gzip": gzip.compress(text.encode()),
        "utf-16": text.encode("utf-16"),
        "semicolons": text.replace(",", ";").encode(),
        "html": b"<!doctype html><html>",
    }
    if form == "fifo":
        os.mkfifo(path)
    else:
        path.write_bytes(forms[form])
    if form in ("fifo", "html"):
        with pytest.raises(DataError, match="FIFO" if form == "fifo" else "web page"):
            read_table(path, DataError)
    else:
        assert read_table(path, DataError).to_numpy().tolist() == [["007", "NA"], ["008", ""]]
