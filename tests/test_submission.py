"""The submission: the sample's rows and columns, the model's predictions, and nothing that the host would refuse."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from outfold.errors import SubmissionError
from outfold.hosts.leaderboard import score_submission
from outfold.metrics import Metric, Task, get_metric
from outfold.submission import build, check, csv_bytes

ROWS = 40
IDS = [f"img_{i}.png" for i in range(ROWS)]
SPECIES = ["maize", "cleavers", "charlock"]
TAGS = ["haze", "clear", "road"]


def sample_of(*columns: str, fill: Any = 0) -> pd.DataFrame:
    """A sample submission whose ids are not in sorted order."""
    ids = [IDS[i] for i in np.random.default_rng(9).permutation(ROWS)]
    return pd.DataFrame({"file": ids, **dict.fromkeys(columns, fill)})


def outputs_of(*names: str, seed: int = 0, rows_sum_to_one: bool = False) -> pd.DataFrame:
    values = np.random.default_rng(seed).random((ROWS, len(names)))
    if rows_sum_to_one:
        values /= values.sum(axis=1, keepdims=True)
    return pd.DataFrame(values.astype(np.float32), index=pd.Index(IDS, name="id"), columns=list(names))


def contest(task: Task, metric: str, targets: list[str], classes: list[Any] | None) -> dict[str, Any]:
    return {"task": task, "metric": get_metric(metric, task=task), "targets": targets, "classes": classes}


SPECIES_LOSS = contest("multiclass", "log_loss", ["species"], SPECIES)
SURVIVED = contest("binary", "auc", ["survived"], [0, 1])
TAGGED = contest("multilabel", "f2_samples", ["tags"], TAGS)
PRICE = contest("regression", "rmse", ["price"], None)


def by_id(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("file")


# --- the ids, the order and the columns are the sample's ---


def test_rows_and_columns_are_the_samples_and_values_follow_their_id_and_class() -> None:
    sample = sample_of("charlock", "maize", "cleavers")
    outputs = outputs_of(*SPECIES, rows_sum_to_one=True)
    sent = build(sample, outputs, **SPECIES_LOSS)
    assert list(sent.columns) == ["file", "charlock", "maize", "cleavers"]
    assert list(sent["file"]) == list(sample["file"])
    pd.testing.assert_frame_equal(by_id(sent).loc[IDS, SPECIES], outputs, check_names=False)


def test_the_order_of_the_outputs_does_not_matter() -> None:
    sample = sample_of(*SPECIES)
    outputs = outputs_of(*SPECIES, rows_sum_to_one=True)
    other = outputs.sample(frac=1.0, random_state=1)[["charlock", "maize", "cleavers"]]
    assert csv_bytes(build(sample, outputs, **SPECIES_LOSS)) == csv_bytes(build(sample, other, **SPECIES_LOSS))


def test_the_id_column_need_not_be_the_first() -> None:
    sample = sample_of("price")[["price", "file"]]
    sent = build(sample, outputs_of("price"), id_column="file", **PRICE)
    assert list(sent.columns) == ["price", "file"]
    assert list(sent["file"]) == list(sample["file"])
    assert check(sent, sample, id_column="file", **PRICE) == []


def test_whole_numbers_may_be_ids() -> None:
    sample = pd.DataFrame({"PassengerId": [893, 892, 894], "Survived": 0})
    outputs = pd.DataFrame({"Survived": np.array([0.1, 0.9, 0.5], dtype=np.float32)}, index=[892, 893, 894])
    sent = build(sample, outputs, **contest("binary", "auc", ["Survived"], [0, 1]))
    assert csv_bytes(sent) == b"PassengerId,Survived\n893,0.9\n892,0.1\n894,0.5\n"


def test_extra_predictions_are_left_out() -> None:
    sample = sample_of("price").iloc[:7]
    assert len(build(sample, outputs_of("price"), **PRICE)) == 7


def test_a_missing_prediction_is_named_and_never_filled_in() -> None:
    with pytest.raises(SubmissionError, match=r"2 of 40 ids .* have no prediction: .*img_(3|7)\.png"):
        build(sample_of("price"), outputs_of("price").drop(index=["img_3.png", "img_7.png"]), **PRICE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_named(bad: float) -> None:
    outputs = outputs_of("price")
    outputs.loc["img_5.png", "price"] = bad
    with pytest.raises(SubmissionError, match=r"1 predictions are missing or infinite: img_5\.png"):
        build(sample_of("price"), outputs, **PRICE)


def test_an_id_predicted_twice_is_refused() -> None:
    outputs = outputs_of("price")
    with pytest.raises(SubmissionError, match=r"1 ids have several predictions: img_0\.png"):
        build(sample_of("price"), pd.concat([outputs, outputs.iloc[:1]]), **PRICE)


def test_outputs_of_another_target_are_refused() -> None:
    with pytest.raises(SubmissionError, match="charlock, nettle on one side only"):
        build(sample_of(*SPECIES), outputs_of("maize", "cleavers", "nettle"), **SPECIES_LOSS)


# --- the form is told from the sample's columns ---


def test_one_column_and_a_metric_on_labels_asks_for_the_class_itself() -> None:
    outputs = outputs_of(*SPECIES)
    sent = build(sample_of("species"), outputs, **contest("multiclass", "f1_micro", ["species"], SPECIES))
    assert list(by_id(sent).loc[IDS, "species"]) == list(outputs.idxmax(axis=1))


@pytest.mark.parametrize(("classes", "dtype"), [([0, 1], "int64"), (["no", "yes"], "object"), ([False, True], "bool")])
def test_a_binary_label_is_written_as_it_was_read(classes: list[Any], dtype: str) -> None:
    outputs = outputs_of("survived")
    said = contest("binary", "accuracy", ["survived"], classes)
    column = by_id(build(sample_of("survived"), outputs, **said)).loc[IDS, "survived"]
    assert list(column) == [classes[int(p > 0.5)] for p in outputs["survived"]]
    assert column.dtype == dtype or dtype == "object"


def test_a_binary_threshold_moves_the_label() -> None:
    outputs = outputs_of("survived")
    said = contest("binary", "f1", ["survived"], [0, 1])
    few = build(sample_of("survived"), outputs, thresholds=[0.9], **said)["survived"].sum()
    assert few == (outputs["survived"] > 0.9).sum()


def test_one_column_of_a_binary_target_holds_the_probability_of_the_positive() -> None:
    outputs = outputs_of("survived")
    sent = build(sample_of("prediction"), outputs, **SURVIVED)
    assert np.array_equal(by_id(sent).loc[IDS, "prediction"], outputs["survived"])


def test_two_columns_of_a_binary_target_hold_both_probabilities() -> None:
    outputs = outputs_of("rain")
    said = contest("binary", "log_loss", ["rain"], ["no", "yes"])
    sent = build(sample_of("yes", "no"), outputs, **said)
    assert np.array_equal(by_id(sent).loc[IDS, "yes"], outputs["rain"])
    assert np.allclose(sent["yes"] + sent["no"], 1)
    assert check(sent, sample_of("yes", "no"), **said) == []


def test_one_column_of_a_multilabel_target_holds_tags() -> None:
    outputs = outputs_of(*TAGS)
    sent = by_id(build(sample_of("tags"), outputs, thresholds=[0.2, 0.5, 0.8], tag_separator=";", **TAGGED))
    for file, row in zip(IDS, outputs.to_dict(orient="records"), strict=True):
        expected = [tag for tag, limit in zip(TAGS, [0.2, 0.5, 0.8], strict=True) if row[tag] > limit]
        assert sent.loc[file, "tags"] == ";".join(expected)


def test_thresholds_follow_their_label_when_the_samples_columns_are_in_another_order() -> None:
    outputs = outputs_of(*TAGS)
    sent = by_id(build(sample_of("road", "haze", "clear"), outputs, thresholds=[0.2, 0.5, 0.8], **TAGGED))
    assert sent["haze"].sum() == (outputs["haze"] > 0.2).sum()
    assert sent["road"].sum() == (outputs["road"] > 0.8).sum()
    assert set(sent.to_numpy().ravel()) == {0, 1}


def test_columns_of_labels_hold_probabilities_for_a_metric_on_probabilities() -> None:
    outputs = outputs_of(*TAGS)
    said = contest("multilabel", "mean_columnwise_auc", TAGS, TAGS)
    sent = by_id(build(sample_of(*TAGS), outputs, **said))
    assert np.array_equal(sent.loc[IDS, TAGS], outputs)


def test_columns_of_classes_hold_probabilities_whatever_the_metric() -> None:
    outputs = outputs_of(*SPECIES, rows_sum_to_one=True)
    said = contest("multiclass", "accuracy", ["species"], SPECIES)
    assert np.array_equal(by_id(build(sample_of(*SPECIES), outputs, **said)).loc[IDS, SPECIES], outputs)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_map_at_k_asks_for_the_k_best_in_order(task: Task) -> None:
    outputs = outputs_of(*SPECIES)
    sent = by_id(build(sample_of("species"), outputs, **contest(task, "map@2", ["species"], SPECIES)))
    for file, row in zip(IDS, outputs.to_dict(orient="records"), strict=True):
        assert str(sent.loc[file, "species"]).split() == sorted(row, key=lambda name: -row[name])[:2]


def test_numbers_stay_numbers_whatever_the_sample_calls_them() -> None:
    outputs = outputs_of("price") * 1e6 - 4e5
    sent = build(sample_of("Prediction"), outputs, **PRICE)
    assert np.array_equal(by_id(sent).loc[IDS, "Prediction"], outputs["price"])


def test_several_numbers_go_to_the_column_of_their_name() -> None:
    outputs = outputs_of("x", "y")
    sent = by_id(build(sample_of("y", "x"), outputs, **contest("regression", "mae", ["x", "y"], None)))
    assert np.array_equal(sent.loc[IDS, ["x", "y"]], outputs)


def test_ratings_are_cut_at_the_thresholds_or_rounded_into_the_span() -> None:
    outputs = outputs_of("grade") * 6 - 1
    said = contest("regression", "qwk", ["grade"], None)
    rounded = by_id(build(sample_of("grade"), outputs, span=(0, 4), **said))["grade"]
    assert list(rounded.loc[IDS]) == list(np.clip(np.rint(outputs["grade"]), 0, 4).astype(int))
    cut = by_id(build(sample_of("grade"), outputs, span=(0, 4), thresholds=[1.0, 1.5, 2.0, 2.5], **said))["grade"]
    assert list(cut.loc[IDS]) == list(np.searchsorted([1.0, 1.5, 2.0, 2.5], outputs["grade"]))


def test_ratings_without_a_span_would_be_a_guess() -> None:
    with pytest.raises(ValueError, match="span"):
        build(sample_of("grade"), outputs_of("grade"), **contest("regression", "qwk", ["grade"], None))


def test_rmsle_sends_no_negative_number() -> None:
    outputs = outputs_of("price") - 0.5
    sent = build(sample_of("price"), outputs, **contest("regression", "rmsle", ["price"], None))
    assert np.array_equal(by_id(sent).loc[IDS, "price"], outputs["price"].clip(lower=0))


@pytest.mark.parametrize(
    ("columns", "said", "message"),
    [
        (["maize", "cleavers"], SPECIES_LOSS, r"columns maize, cleavers; expected .* it lacks charlock"),
        (["a", "b"], SPECIES_LOSS, r"one column, or 3 columns named after the classes \(maize, cleavers, charlock\)"),
        (["species"], SPECIES_LOSS, r"one column, species, and log_loss is computed from a probability for each of 3"),
        (["a", "b"], SURVIVED, r"binary target: one column, or one each for 0, 1"),
        (["a", "b"], TAGGED, r"one column of tags, or 3 columns"),
        (["price", "area"], PRICE, r"regression target: the columns price"),
        ([], PRICE, r"expected for a regression target"),
    ],
)
def test_a_sample_of_no_known_form_is_refused(columns: list[str], said: dict[str, Any], message: str) -> None:
    outputs = outputs_of(*[str(name) for name in said["classes"] or said["targets"]])
    with pytest.raises(SubmissionError, match=message):
        build(sample_of(*columns), outputs, **said)


def test_an_unknown_id_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SubmissionError, match="no id column 'files'") as refused:
        build(sample_of("price"), outputs_of("price"), id_column="files", **PRICE)
    assert "file" in str(refused.value.remedy)


def test_a_class_with_a_blank_cannot_be_ranked() -> None:
    names = ["The Eiffel Tower", "airplane"]
    with pytest.raises(SubmissionError, match=r"blank in their name .*: The Eiffel Tower"):
        build(sample_of("word"), outputs_of(*names), **contest("multiclass", "map@2", ["word"], names))


# --- probabilities ---


def test_clipping_keeps_probabilities_away_from_certainty_and_rows_at_one() -> None:
    outputs = outputs_of(*SPECIES, rows_sum_to_one=True)
    outputs.iloc[0] = [1.0, 0.0, 0.0]
    sent = by_id(build(sample_of(*SPECIES), outputs, clip=0.02, **SPECIES_LOSS))
    assert sent.to_numpy().min() >= 0.02 / 1.04
    assert np.allclose(sent.sum(axis=1), 1)
    assert sent.loc["img_0.png"].idxmax() == "maize"


def test_clipping_does_not_touch_the_order_that_auc_is_computed_from() -> None:
    outputs = outputs_of("survived") / 1000
    sent = by_id(build(sample_of("survived"), outputs, clip=0.01, **SURVIVED))
    assert np.array_equal(sent.loc[IDS, "survived"], outputs["survived"])


def test_the_last_digit_of_a_mean_may_overshoot_but_not_more() -> None:
    said = contest("binary", "log_loss", ["survived"], [0, 1])
    outputs = outputs_of("survived")
    outputs.iloc[0, 0] = np.float32(1.0000001)
    sent = build(sample_of("survived"), outputs, **said)
    assert sent["survived"].max() == 1.0
    assert check(sent, sample_of("survived"), **said) == []
    outputs.iloc[0, 0] = 1.01
    with pytest.raises(SubmissionError, match=r"1 rows hold probabilities outside 0 to 1: img_0\.png"):
        check(build(sample_of("survived"), outputs, **said), sample_of("survived"), **said)


# --- what must not be sent ---


def good() -> tuple[pd.DataFrame, pd.DataFrame]:
    sample = sample_of(*SPECIES)
    return build(sample, outputs_of(*SPECIES, rows_sum_to_one=True), **SPECIES_LOSS), sample


def test_what_was_built_passes() -> None:
    sent, sample = good()
    assert check(sent, sample, **SPECIES_LOSS) == []


def damaged(change: str) -> pd.DataFrame:
    sent, _ = good()
    sent = sent.copy()
    if change == "row lost":
        return sent.iloc[:-1]
    if change == "row twice":
        return pd.concat([sent, sent.iloc[:1]], ignore_index=True)
    if change == "other id":
        sent.loc[3, "file"] = "img_999.png"
    elif change == "order":
        return sent.iloc[[0, 2, 1, *range(3, ROWS)]]
    elif change == "column lost":
        return sent.drop(columns="cleavers")
    elif change == "column more":
        return sent.assign(nettle=0.0)
    elif change == "columns swapped":
        return sent[["file", "cleavers", "maize", "charlock"]]
    elif change == "nan":
        sent.loc[2, "maize"] = np.nan
    elif change == "inf":
        sent.loc[2, "maize"] = np.inf
    elif change == "negative":
        sent.loc[2, "maize"] = -0.25
    elif change == "sum":
        sent.loc[[2, 5], "maize"] += 0.01
    elif change == "text":
        sent["maize"] = "much"
    elif change == "constant":
        sent[SPECIES] = 1 / 3
    return sent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("row lost", r"39 rows; the sample has 40\n.*1 ids missing: img_\d+"),
        ("row twice", r"41 rows; the sample has 40\n.*1 ids stand twice: img_\d+"),
        ("other id", r"1 ids missing: img_\d+\.png\n.*1 ids that the sample does not have: img_999\.png"),
        ("order", r"ids are in another order than the sample's, from row 2 on"),
        ("column lost", r"columns missing: cleavers"),
        ("column more", r"columns that the sample does not have: nettle"),
        ("columns swapped", r"sample's order is file, maize, cleavers, charlock"),
        ("nan", r"maize: 1 values are missing: img_\d+"),
        ("inf", r"maize: 1 rows hold infinite values: img_\d+"),
        ("negative", r"maize: 1 rows hold probabilities outside 0 to 1: img_\d+"),
        ("sum", r"probabilities of 2 rows do not sum to 1: img_\d+"),
        ("text", r"columns of numbers hold text: maize"),
        ("constant", r"all 40 rows have the same prediction"),
    ],
)
def test_a_damaged_file_is_refused_and_the_damage_named(change: str, message: str) -> None:
    _, sample = good()
    with pytest.raises(SubmissionError, match=message):
        check(damaged(change), sample, **SPECIES_LOSS)


def test_all_problems_are_told_at_once() -> None:
    sent, sample = good()
    sent.loc[0, "file"] = "img_999.png"
    sent.loc[4, "cleavers"] = np.nan
    with pytest.raises(SubmissionError) as refused:
        check(sent, sample, **SPECIES_LOSS)
    assert str(refused.value).count("\n  - ") == 3


@pytest.mark.parametrize(
    ("said", "column", "cell", "message"),
    [
        (
            contest("multiclass", "accuracy", ["species"], SPECIES),
            "species",
            "nettle",
            r"not among .*'nettle' \(1 rows\)",
        ),
        (contest("binary", "f1", ["survived"], [0, 1]), "survived", 2, r"'2' \(1 rows\)"),
        (TAGGED, "tags", "haze fog", r"'fog' \(1 rows\)"),
        (TAGGED, "tags", "haze haze", r"1 rows name a class twice"),
        (
            contest("multiclass", "map@2", ["species"], SPECIES),
            "species",
            "maize cleavers charlock",
            r"not name 1 to 2",
        ),
        (contest("multiclass", "map@2", ["species"], SPECIES), "species", "", r"not name 1 to 2"),
        (contest("regression", "rmsle", ["price"], None), "price", -1.0, r"below 0"),
    ],
)
def test_a_cell_that_says_nothing_is_refused(said: dict[str, Any], column: str, cell: Any, message: str) -> None:
    names = [said["targets"][0]] if said["task"] in ("binary", "regression") else said["classes"]
    sample = sample_of(column)
    sent = build(sample, outputs_of(*names), **said)
    assert check(sent, sample, **said) == []
    sent.loc[1, column] = cell
    with pytest.raises(SubmissionError, match=message):
        check(sent, sample, **said)


def test_labels_that_are_neither_0_nor_1_are_refused() -> None:
    sample = sample_of(*TAGS)
    sent = build(sample, outputs_of(*TAGS), **TAGGED).assign(road=0.5)
    with pytest.raises(SubmissionError, match="road: 40 rows hold neither 0 nor 1"):
        check(sent, sample, **TAGGED)


def test_classes_collapsed_to_one_are_refused() -> None:
    said = contest("multiclass", "accuracy", ["species"], SPECIES)
    outputs = outputs_of(*SPECIES)
    outputs["maize"] += 2
    sample = sample_of("species")
    with pytest.raises(SubmissionError, match=r"all 40 rows have the same prediction \(species = maize\)"):
        check(build(sample, outputs, **said), sample, **said)


def test_one_class_that_is_always_the_likeliest_is_odd_but_allowed() -> None:
    outputs = outputs_of(*SPECIES)
    outputs["maize"] += 2
    outputs = outputs.div(outputs.sum(axis=1), axis=0)
    sample = sample_of(*SPECIES)
    [odd] = check(build(sample, outputs, **SPECIES_LOSS), sample, **SPECIES_LOSS)
    assert "in all 40 rows maize is the likeliest class" in odd


def test_a_label_that_never_changes_is_odd_but_allowed() -> None:
    sample = sample_of(*TAGS)
    outputs = outputs_of(*TAGS).assign(road=np.float32(0.1))
    assert check(build(sample, outputs, **TAGGED), sample, **TAGGED) == [
        "the predictions of road are the same in every row"
    ]


def test_ranks_may_be_any_number() -> None:
    sample = sample_of("survived")
    sent = build(sample, outputs_of("survived") * 40, **SURVIVED)
    assert check(sent, sample, **SURVIVED) == []


def test_ids_that_became_text_are_the_same_ids() -> None:
    sample = pd.DataFrame({"id": range(30), "price": 0})
    outputs = pd.DataFrame({"price": np.arange(30, dtype=np.float32)}, index=range(30))
    sent = build(sample, outputs, **PRICE)
    assert check(sent.assign(id=sent["id"].astype(str)), sample, **PRICE) == []


# --- the bytes ---


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_every_float32_comes_back_from_the_file(values: np.ndarray) -> None:
    frame = pd.DataFrame({"id": np.arange(len(values)), "price": values})
    read = pd.read_csv(io.BytesIO(csv_bytes(frame)), dtype={"price": str})["price"].astype(np.float32)
    assert np.array_equal(read.to_numpy(), values)


def test_a_float32_has_no_more_digits_than_it_needs() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "p": np.array([0.1, 1 / 3], dtype=np.float32)})
    assert csv_bytes(frame) == b"id,p\na,0.1\nb,0.33333334\n"


# --- the file means to the host what the outputs mean to the metric ---


@pytest.mark.parametrize(
    ("task", "metric", "columns", "thresholds"),
    [
        ("multiclass", "log_loss", SPECIES, None),
        ("multiclass", "f1_macro", ["target"], None),
        ("multiclass", "map@2", ["target"], None),
        ("binary", "auc", ["target"], None),
        ("binary", "log_loss", ["target"], None),
        ("binary", "f1", ["target"], [0.3]),
        ("multilabel", "f2_samples", ["target"], [0.3, 0.5, 0.6]),
        ("multilabel", "f1_macro", TAGS, [0.3, 0.5, 0.6]),
        ("multilabel", "mean_columnwise_log_loss", TAGS, None),
        ("regression", "rmse", ["target"], None),
        ("regression", "qwk", ["target"], [0.25, 0.5, 0.75]),
    ],
)
def test_the_file_scores_what_its_outputs_score(
    task: Task, metric: str, columns: list[str], thresholds: list[float] | None
) -> None:
    rng = np.random.default_rng(4)
    classes: list[Any] | None = {"binary": ["no", "yes"], "multiclass": SPECIES, "multilabel": TAGS}.get(task)
    names = ["target"] if task in ("binary", "regression") else list(classes or ())
    outputs = outputs_of(*names, seed=5, rows_sum_to_one=task == "multiclass")
    y: np.ndarray
    if task == "multilabel":
        y = (rng.random((ROWS, 3)) < 0.5).astype(np.int8)
        truth = {"target": [" ".join(np.array(TAGS)[row == 1]) for row in y], **dict(zip(TAGS, y.T, strict=True))}
        targets = ["target"] if columns == ["target"] else TAGS
    else:
        y = rng.integers(0, {"binary": 2, "multiclass": 3, "regression": 4}[task], ROWS)
        truth = {"target": y if classes is None else np.array(classes)[y]}
        targets = ["target"]
    scorer = get_metric(metric, task=task)
    sample = sample_of(*columns)
    said: dict[str, Any] = {"task": task, "metric": scorer, "targets": targets, "classes": classes}
    span = (float(y.min()), float(y.max())) if task == "regression" else None
    sent = build(sample, outputs, thresholds=thresholds, span=span, **said)
    check(sent, sample, **said)
    board = score_submission(
        pd.read_csv(io.BytesIO(csv_bytes(sent))),
        pd.DataFrame({"file": IDS, **truth}),
        id_column="file",
        targets=targets,
        classes=list(classes or ()),
        task=task,
        metric=scorer,
    )
    expected = scorer.score(y, outputs.to_numpy(), thresholds=thresholds)
    assert board.private == pytest.approx(expected, rel=1e-6)


DATA = Path(os.environ.get("OUTFOLD_TEST_DATA", "absent"))


@pytest.mark.skipif(not (DATA / "titanic").exists(), reason="OUTFOLD_TEST_DATA holds no titanic")
def test_titanics_own_baseline_is_rebuilt_byte_for_byte() -> None:
    sample = pd.read_csv(DATA / "titanic" / "gender_submission.csv")
    test = pd.read_csv(DATA / "titanic" / "test.csv", index_col="PassengerId")
    outputs = (test["Sex"] == "female").astype(np.float32).to_frame("Survived")
    said = contest("binary", "accuracy", ["Survived"], [0, 1])
    sent = build(sample, outputs, **said)
    assert check(sent, sample, **said) == []
    original = (DATA / "titanic" / "gender_submission.csv").read_bytes().replace(b"\r\n", b"\n")
    assert csv_bytes(sent) == original


def test_a_metric_of_ones_own_on_labels_asks_for_labels() -> None:
    own = Metric("own", True, "labels", ("multiclass",), lambda y, labels: float(np.mean(y == labels)))
    said: dict[str, Any] = {"task": "multiclass", "metric": own, "targets": ["species"], "classes": SPECIES}
    sent = build(sample_of("species"), outputs_of(*SPECIES), **said)
    assert set(sent["species"]) == set(SPECIES)
