"""Class labels are sent and compared as the files write them; a number stands for the class that its column names."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import blended
from contest_folder import cancer_tables, iris_tables, write_contest
from sklearn.metrics import roc_auc_score

from outfold.contest_files import load_contest
from outfold.data.targets.targets import read_target
from outfold.hosts.leaderboard import score_submission
from outfold.metrics import get_metric
from outfold.progress import LineReporter
from outfold.runs.context import Context
from outfold.stages.check import check
from outfold.stages.submit import submit
from outfold.submission.binary_column import binary_column, named_class

LINEAR = "learner: linear\nC: [1.0]\n"
slow = partial(pytest.param, marks=pytest.mark.slow)
LONG = {
    "far apart": ["11898508762506083287", "16899778266587446382", "14160410518916347259"],
    "the same as floats": ["16699327784941023797", "16699327784941023798", "16699327784941023799"],
    "16 digits": ["9007199254740992", "9007199254740993", "9007199254740995"],
    "with a point": ["9007199254740992.0", "9007199254740993.0", "9007199254740994.0"],
    "with leading zeros": ["0001", "0010", "0100"],
    "small, with a point": ["0.0", "1.0", "2.0"],
    "signed": ["-1", "+1", "0"],
    "with two decimals": ["0.00", "1.00", "2.00"],
    "with an exponent": ["1e5", "2e5", "3e5"],
    "with blanks": ["red car", " red", "red"],
    "words for nothing": ["NA", "None", "mild"],
}


def sent(root: Path) -> pd.DataFrame:
    """What was sent, every cell as text."""
    (file,) = (root / "submissions").glob("blend-*.csv")
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def checked(root: Path) -> str:
    """What `outfold check` prints."""
    out = io.StringIO()
    check(Context(root, LineReporter(out)))
    return out.getvalue()


def iris(root: Path, labels: list[str]) -> tuple[Path, pd.Series]:
    """Iris with these labels for its species, and the truth of the test rows; one label a row is sent."""
    train, test, _ = iris_tables()
    whole = pd.concat([train, test])
    from sklearn.datasets import load_iris

    data = load_iris()
    species = pd.Series(np.array(labels)[data.target], index=whole.sort_values("flower")["flower"])
    train = train.assign(species=species.loc[train["flower"]].to_numpy())
    sample = test[["flower"]].assign(species=labels[0])
    solution = test[["flower"]].assign(species=species.loc[test["flower"]].to_numpy())
    write_contest(
        root, train, test, sample, target="species", metric="accuracy", task="multiclass", solution="solution.csv"
    )
    solution.to_csv(root / "solution.csv", index=False)
    (root / "pipelines").mkdir()
    (root / "pipelines/linear.yaml").write_text(LINEAR)
    return root, solution.set_index("flower")["species"]


@pytest.mark.parametrize("labels", LONG.values(), ids=LONG)
def test_labels_are_sent_and_scored_as_the_training_table_writes_them(tmp_path: Path, labels: list[str]) -> None:
    root, truth = iris(tmp_path, labels)
    scored = submit(Context(blended(root, "linear")))
    cells = sent(root).set_index("flower")["species"]
    assert set(cells) <= set(labels)
    right = (cells.to_numpy() == truth.loc[cells.index.astype(int)].to_numpy()).mean()
    assert right > 0.85
    assert scored is not None and scored.private == pytest.approx(right)


def test_long_labels_of_a_parquet_table_stay_exact(tmp_path: Path) -> None:
    root, _ = iris(tmp_path, LONG["the same as floats"])
    table = pd.read_csv(root / "inputs/train.csv", dtype={"species": str})
    decimals = pa.array([int(cell) for cell in table["species"]], type=pa.decimal128(20, 0))
    columns = pa.Table.from_pandas(table.drop(columns="species")).append_column("species", decimals)
    pq.write_table(columns, root / "inputs/train.parquet")
    write_contest(root, target="species", metric="accuracy", task="multiclass", train="train.parquet", test="test.csv")
    assert [str(value) for value in load_contest(root).classes or ()] == LONG["the same as floats"]


def test_the_leaderboard_tells_labels_apart_that_are_equal_as_floats() -> None:
    first, second = LONG["the same as floats"][:2]
    told = score_submission(
        pd.DataFrame({"id": [1, 2], "label": [first, second]}),
        pd.DataFrame({"id": [1, 2], "label": [second, second]}),
        id_column="id",
        targets=["label"],
        classes=[first, second],
        task="multiclass",
        metric=get_metric("accuracy", task="multiclass"),
    )
    assert told.private == 0.5


def test_a_positive_class_of_many_digits_is_taken_as_text() -> None:
    raw = pd.DataFrame({"y": LONG["16 digits"][:2] * 2}, index=pd.RangeIndex(4, name="id"))
    path = Path("train.csv")
    assert read_target(raw, path, task="binary", positive=9007199254740992).classes == [
        9007199254740993,
        9007199254740992,
    ]


def test_a_column_of_codes_that_float64_would_make_equal_stays_text(tmp_path: Path) -> None:
    codes = ["9007199254740992", "9007199254740993", "12", "99999999999999999999"] * 2
    rows = "".join(f"{row},{code},{row % 2}\n" for row, code in enumerate(codes))
    test = "".join(f"{row},{code}\n" for row, code in enumerate(codes, start=10))
    sample = "id,y\n" + "".join(f"{row},0\n" for row in range(10, 18))
    write_contest(tmp_path, "id,shop,y\n" + rows, "id,shop\n" + test, sample, target="y", id="id")
    contest = load_contest(tmp_path)
    assert "shop" in contest.roles.categorical
    assert contest.train["shop"].tolist() == codes


def binary(root: Path, column: str, cells: Any, metric: str, **keys: Any) -> tuple[Path, pd.Series]:
    """Breast cancer, the sample's single column called so; and whether each test row is malignant."""
    train, test, _ = cancer_tables()
    named = {"M": keys.pop("malignant", "malignant"), "B": keys.pop("benign", "benign")}
    train["diagnosis"] = train["diagnosis"].map(named)
    sample = test[["patient"]].assign(**{column: cells})
    write_contest(root, train, test, sample, target="diagnosis", id="patient", metric=metric, **keys)
    from sklearn.datasets import load_breast_cancer

    malignant = pd.Series(load_breast_cancer().target[400:] == 0, index=test["patient"])
    (root / "pipelines").mkdir()
    (root / "pipelines/linear.yaml").write_text(LINEAR)
    return root, malignant


@pytest.mark.parametrize("column", ["benign", slow("Benign"), slow("is_benign"), "BenignProbability"])
def test_a_column_named_after_a_class_holds_its_probability(tmp_path: Path, column: str) -> None:
    root, malignant = binary(tmp_path, column, 0.5, "auc", solution="solution.csv")
    malignant.map({True: 0, False: 1}).rename(column).reset_index().to_csv(root / "solution.csv", index=False)
    told = checked(root)
    out = io.StringIO()
    scored = submit(Context(blended(root, "linear"), LineReporter(out)))
    found = sent(root).set_index("patient")[column].astype(float)
    host = roc_auc_score(~malignant.loc[found.index], found)
    assert host > 0.95
    assert scored is not None and scored.private == pytest.approx(host)
    holds = f"{column}: probability that diagnosis is 'benign' (as the column's name says)"
    assert holds in told and holds in out.getvalue()


def test_the_contest_file_decides_which_class_is_sent_whatever_the_column_is_called(tmp_path: Path) -> None:
    root, malignant = binary(tmp_path, "benign", 0.5, "auc", positive="malignant")
    submit(Context(blended(root, "linear")))
    found = sent(root).set_index("patient")["benign"].astype(float)
    assert roc_auc_score(malignant.loc[found.index], found) > 0.95


def test_a_guess_which_class_a_number_stands_for_is_told_with_the_key_that_changes_it(
    tmp_path: Path,
) -> None:
    root, _ = binary(tmp_path, "prediction", 0.5, "log_loss", malignant="FAKE", benign="REAL")
    told = checked(root)
    assert "probability that diagnosis is 'REAL'" in told and "positive: FAKE" in told


def test_a_metric_that_counts_the_other_class_is_warned_of(tmp_path: Path) -> None:
    root, _ = binary(tmp_path, "benign", 0, "f1")
    assert "say `positive: benign`" in checked(root)
    write_contest(root, target="diagnosis", id="patient", metric="f1", test="test.csv", positive="benign")
    assert "speaks of" not in checked(root)


@pytest.mark.parametrize(
    ("cell", "written"),
    [(0, ("0", "1")), slow(False, ("False", "True")), slow("no", ("no", "yes")), ("benign", ("benign", "malignant"))],
)
@pytest.mark.parametrize("solution", ["sample", "classes"])
def test_two_classes_are_written_as_the_sample_writes_them_and_scored_either_way(
    tmp_path: Path, cell: Any, written: tuple[str, str], solution: str
) -> None:
    root, malignant = binary(tmp_path, "outcome", cell, "accuracy", solution="solution.csv")
    forms = written if solution == "sample" else ("benign", "malignant")
    name = "outcome" if solution == "sample" else "diagnosis"
    truth = malignant.map({False: forms[0], True: forms[1]}).rename(name)
    truth.reset_index().to_csv(root / "solution.csv", index=False)
    scored = submit(Context(blended(root, "linear")))
    found = sent(root).set_index("patient")["outcome"]
    assert set(found) == set(written)
    right = ((found == written[1]) == malignant.loc[found.index]).mean()
    assert right > 0.85
    assert scored is not None and scored.private == pytest.approx(right)


@pytest.mark.parametrize(
    ("column", "classes", "place"),
    [
        ("abnormal", ["abnormal", "normal"], 0),
        ("P(abnormal)", ["abnormal", "normal"], 0),
        ("fraud", ["fraud", "non fraud"], 0),
        ("non_fraud", ["fraud", "non fraud"], 1),
        ("p_non_fraud", ["fraud", "non fraud"], 1),
        ("not_fraud", ["fraud", "genuine"], None),
        ("target", ["fraud", "genuine"], None),
        ("p_1", [0, 1], None),
        ("no", ["No", "Yes"], 0),
        ("fake_or_real", ["fake", "real"], None),
    ],
)
def test_which_class_a_column_is_named_after(column: str, classes: list[Any], place: int | None) -> None:
    assert named_class(column, classes) == place


def test_of_numbers_written_as_text_the_greater_one_is_positive() -> None:
    cells = pd.Series([0.5, 0.5])
    assert binary_column("y", cells, ["+1", "-1"], positive_is_said=False).positive == 0
    assert binary_column("y", cells, ["no", "yes"], positive_is_said=False).positive == 1


def test_check_quotes_labels_with_blanks_around_them(tmp_path: Path) -> None:
    root, _ = iris(tmp_path, LONG["with blanks"])
    told = checked(root)
    assert "' red' 3" in told and "red car 3" in told
