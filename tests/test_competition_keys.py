"""Every key of the contest file changes the contest as it is loaded, or the submission; an unlisted one fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from contest_folder import write_contest
from features_contest import table

from outfold.config.competition import ColumnRoles, CompetitionConfig, ImageSource, SubmissionConfig, TargetConfig
from outfold.config.table_pipeline import TablePipelineBase
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.errors import ConfigError, DataError
from outfold.hosts.registry import get_host
from outfold.learners.inner_cv import inner_places
from outfold.learners.tables.feature_plan import planned
from outfold.progress import Reporter
from outfold.submission.build import build


def contest(root: Path, given: dict[str, Any]) -> Contest:
    """Shops by row, with a copy of every table under another name; two targets beside one of tags."""
    frame = table(80)
    frame["day"] = frame["day"].dt.strftime("%d%m%Y")
    frame["other"] = [f"x{number:03d}" for number in range(len(frame))]
    frame["turned"] = np.arange(len(frame))[::-1]
    frame["grade"] = np.arange(len(frame)) % 3
    frame["tags"] = np.where(np.arange(len(frame)) % 2, "red;blue", "red;green")
    frame["photo"] = [f"{number % 2}.png" for number in range(len(frame))]
    train, test = frame[:60], frame[60:].drop(columns=["bought", "grade", "tags"])
    targets = [given.get("targets") and [*given["targets"]], given.get("target"), "bought"]
    target = next(one for one in targets if one)
    names = [target] if isinstance(target, str) else list(target)
    outputs = given.pop("outputs", names)
    sample = test[["id"]].assign(**dict.fromkeys(outputs, "red" if "tags" in names else 0.5))
    write_contest(root, train, test, sample, **{"target": target, **given})
    inputs = root / "inputs"
    train[::2].to_csv(inputs / "half.csv", index=False)
    test.assign(fare=1.0).to_csv(inputs / "later.csv", index=False)
    sample[::-1].to_csv(inputs / "backwards.csv", index=False)
    sample.assign(id=range(20)).to_csv(inputs / "numbered.csv", index=False)
    for folder in ("a", "b"):
        (inputs / folder).mkdir()
        for name in ("0", "1"):
            cv2.imwrite(str(inputs / folder / f"{name}.png"), np.full((8, 8), 90, np.uint8))
    return load_contest(root)


def seen(root: Path, given: dict[str, Any]) -> dict[str, Any]:
    """What the contest is, by its parts; why it is refused, where it is."""
    try:
        made = contest(root, dict(given))
    except (ConfigError, DataError) as error:
        return {"refused": str(error)}
    rng = np.random.default_rng(0)
    guess = rng.uniform(0.2, 0.8, (len(made.test), len(made.outputs)))
    if made.task in ("multiclass", "ordinal"):
        guess /= guess.sum(axis=1, keepdims=True)
    frame = pd.DataFrame(guess, made.test.index, list(map(str, made.outputs)))
    asked = {"task": made.task, "targets": made.targets, "classes": made.classes, "metric": made.metric}
    file = (
        pd.DataFrame()
        if made.subtasks
        else build(
            made.sample,
            frame,
            **asked,
            id_column=made.id_column,
            clip=made.config.submission.clip or None,
            tag_separator=made.config.tag_separator,
            positive_is_said=made.config.positive is not None,
            thresholds=0.5 if made.task == "multilabel" else None,
            file_format=made.sample_format,
        )
    )
    truth = rng.uniform(0.2, 0.8, (len(made.train), len(made.outputs)))
    return {
        "train": made.train.to_csv(),
        "test": made.test.to_csv(),
        "aside": made.aside.to_csv(),
        "asked": [made.task, made.targets, made.classes, made.outputs, made.metric.name],
        "subtasks": [[one.name, one.task, one.classes, one.metric.name] for one in made.subtasks],
        "truth": made.y.tolist(),
        "roles": str(made.roles),
        "images": {part: [str(path)[-8:] for path in paths] for part, paths in made.image_paths.items()},
        "score": made.metric.score(made.y, truth) if made.subtasks else None,
        "folds": None if made.subtasks else inner_places(made, made.train.index, fraction=0.3, seed=0)[1].tolist(),
        "features": made.config.features and [str(planned(made, TablePipelineBase(learner="trees"), "a").columns)],
        "file": file.to_csv(),
    }


TAGS = {"target": "tags", "task": "multilabel", "outputs": ["tags"]}
GRADES = {"target": "grade", "outputs": ["0", "1", "2"]}
TWO = {"bought": {"metric": "log_loss"}, "fare": {"metric": "rmse"}}
LOADED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "train": ({}, {"train": "half.csv"}, "train"),
    "test": ({}, {"test": "later.csv"}, "test"),
    "sample_submission": ({}, {"sample_submission": "backwards.csv"}, "file"),
    "id": ({"id": "nope"}, {"id": "id"}, "refused"),
    "train_id": ({}, {"train_id": "other"}, "train"),
    "test_id": ({"sample_submission": "numbered.csv"}, {"test_id": "row_number"}, "test"),
    "target": ({}, {"target": "fare"}, "asked"),
    "task": ({}, {"task": "regression"}, "asked"),
    "order": (GRADES, {"order": [2, 0, 1]}, "asked"),
    "targets": ({"target": ["bought", "fare"], "task": "multitask"}, {"targets": TWO}, "refused"),
    "positive": ({}, {"positive": 0}, "asked"),
    "tag_separator": (TAGS, {"tag_separator": ";"}, "asked"),
    "metric": ({}, {"metric": "log_loss"}, "asked"),
    "columns": ({}, {"columns": {"ignore": "town"}}, "roles"),
    "features": ({}, {"features": [{"count": "town"}]}, "features"),
    "folds": ({}, {"folds": {"group": "shop"}}, "folds"),
    "train_where": ({}, {"train_where": "fare > 20"}, "train"),
    "submission": ({"metric": "log_loss"}, {"submission": {"clip": 0.3}}, "file"),
}
ROLES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "image": ({}, {"image": "a/{photo}"}, "images"),
    "categorical": ({}, {"categorical": ["shop"]}, "roles"),
    "continuous": ({}, {"continuous": ["fare"]}, "roles"),
    "text": ({}, {"text": ["town"]}, "roles"),
    "dates": ({}, {"dates": ["day"]}, "roles"),
    "date_formats": ({"date_formats": {"turned": "D"}}, {"date_formats": {"turned": "excel"}}, "train"),
    "group": ({}, {"group": "shop"}, "folds"),
    "ignore": ({}, {"ignore": ["town"]}, "roles"),
    "roles": ({}, {"roles": {"shop": "categorical"}}, "roles"),
}
SOURCES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    part: ({"train": "a/{photo}", "test": "a/{photo}"}, {part: "b/{photo}"}, "images") for part in ("train", "test")
}
TARGET: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "task": ({"metric": "log_loss"}, {"task": "ordinal"}, "subtasks"),
    "metric": ({"metric": "log_loss"}, {"metric": "brier"}, "subtasks"),
    "weight": ({"metric": "log_loss"}, {"weight": 3}, "score"),
    "order": ({"task": "ordinal", "metric": "log_loss"}, {"order": [1, 0]}, "subtasks"),
    "positive": ({"metric": "log_loss"}, {"positive": 0}, "truth"),
}
SUBMISSION: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "columns": (
        {"target": "grade", "outputs": ["x", "y", "z"]},
        {"columns": {"0": "x", "1": "y", "2": "z"}},
        "refused",
    ),
    "clip": ({"metric": "log_loss"}, {"clip": 0.3}, "file"),
}
SPECIAL = {"host", "slug", "solution", "label_pattern", "on_bad_image"}
BY_MODEL: dict[type, set[str]] = {
    CompetitionConfig: {*LOADED, *SPECIAL},
    ColumnRoles: {*ROLES},
    ImageSource: {*SOURCES},
    TargetConfig: {*TARGET},
    SubmissionConfig: {*SUBMISSION},
}
Table = dict[str, tuple[dict[str, Any], dict[str, Any], str]]


def cases(prefix: str, table: Table, under: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Any]:
    """Of each key its name, the contest without it and with it, and the part that differs; ``under`` nests them."""
    return [
        (f"{prefix}{key}", under(base), under({**base, **change}), part) for key, (base, change, part) in table.items()
    ]


EVERY = [
    *cases("", LOADED, lambda keys: keys),
    *cases("columns.", ROLES, lambda keys: {"columns": keys}),
    *cases("image.", SOURCES, lambda keys: {"columns": {"image": keys}}),
    *cases("targets.", TARGET, lambda keys: {"targets": {**TWO, "bought": keys}}),
    *[
        (f"submission.{key}", base, {**base, "submission": change}, part)
        for key, (base, change, part) in SUBMISSION.items()
    ],
]


@pytest.mark.parametrize(("base", "changed", "part"), [one[1:] for one in EVERY], ids=[one[0] for one in EVERY])
def test_every_key_changes_a_part_of_the_contest(
    tmp_path: Path, base: dict[str, Any], changed: dict[str, Any], part: str
) -> None:
    before, after = seen(tmp_path / "before", base), seen(tmp_path / "after", changed)
    assert "refused" not in after, after
    assert before.get(part) != after.get(part), before.get("refused")


def host(root: Path, **keys: Any) -> Any:
    config = CompetitionConfig.model_validate({"host": "folder", "slug": "shops", **keys})
    return get_host(config, root, root / "inputs")


def test_the_host_its_slug_and_its_solution_are_taken(tmp_path: Path) -> None:
    kinds = {type(host(tmp_path, host=name)) for name in ("folder", "kaggle", "demo")}
    assert len(kinds) == 3
    assert host(tmp_path, host="kaggle").slug != host(tmp_path, host="kaggle", slug="others").slug
    contest(tmp_path, {})
    taken = {"solution": "truth.csv", "test": "test.csv"}
    with pytest.raises(DataError, match=r"solution: .*truth[.]csv is not there"):
        host(tmp_path, **taken).download(tmp_path / "inputs", Reporter())
    host(tmp_path, test="test.csv").download(tmp_path / "inputs", Reporter())


def test_a_label_pattern_names_the_classes(tmp_path: Path) -> None:
    photos = tmp_path / "inputs" / "photos"
    photos.mkdir(parents=True)
    for number in range(6):
        cv2.imwrite(str(photos / f"{'cat' if number % 2 else 'dog'}.{number // 2}.png"), np.zeros((8, 8), np.uint8))
    sample = pd.DataFrame({"id": [1, 2], "animal": 0.5})
    for number in (1, 2):
        (tmp_path / "inputs" / "test").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "inputs" / "test" / f"{number}.png"), np.zeros((8, 8), np.uint8))
    classes = []
    for pattern in ("(?P<animal>cat|dog)[.][0-9]+", "(?:cat|dog)[.](?P<animal>[01])|dog.(?P<rest>2)|cat.2"):
        keys = {"train": "photos", "target": "animal", "label_pattern": pattern, "test": "test"}
        try:
            classes.append(load_contest(write_contest(tmp_path, None, None, sample, **keys)).classes)
        except (ConfigError, DataError) as error:
            classes.append([str(error)])
    assert classes[0] == ["cat", "dog"] != classes[1]


def test_images_that_are_missing_are_told_or_dropped(tmp_path: Path) -> None:
    base = {"columns": {"image": "c/{photo}"}}
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError):
        contest(tmp_path / "a", dict(base))
    made = contest(
        tmp_path / "b", {"columns": {"image": {"train": "a/{photo}", "test": "a/{photo}"}}, "on_bad_image": "drop"}
    )
    assert len(made.train) == 60
    with pytest.raises(
        ConfigError, match=r"competition.yaml:\d+: on_bad_image: has no effect: the contest has no images"
    ):
        contest(tmp_path / "c", {"on_bad_image": "drop"})


REFUSED = [
    ({"submission": {"clip": 0.1}}, "submission.clip: has no effect: auc is not computed from probabilities"),
    ({"submission": {"clip": 0.1}, "target": "fare"}, "submission.clip: is for probabilities; this contest's task is"),
    ({"tag_separator": ";"}, "tag_separator: is for task: multilabel; this contest's task is binary"),
    ({"target": ["fare", "fare"]}, "target: 'fare' is named twice"),
]


@pytest.mark.parametrize(("keys", "told"), REFUSED)
def test_keys_that_a_contest_has_no_use_for_are_refused_with_their_line(
    tmp_path: Path, keys: dict[str, Any], told: str
) -> None:
    with pytest.raises((ConfigError, DataError)) as refused:
        contest(tmp_path, dict(keys))
    assert re.search(rf"competition[.]yaml:\d+: {re.escape(told)}", str(refused.value)), refused.value


def test_a_clip_is_taken_where_one_of_several_metrics_wants_probabilities(tmp_path: Path) -> None:
    contest(tmp_path, {"targets": TWO, "submission": {"clip": 0.1}})
