"""Several targets of several kinds: one network, boosters and blends a target, one score, one file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import chain
import numpy as np
import pandas as pd
import pytest
import torch
from ordered_contest import CNN, GBDT, GRADES, several_contest
from pydantic import ValidationError

import outfold
from outfold.config.competition import CompetitionConfig
from outfold.config.image import ImagePipeline
from outfold.contest import Contest
from outfold.contest_files import load_contest
from outfold.ensemble import COMBINERS, blend
from outfold.errors import ConfigError, DataError, SubmissionError
from outfold.learners.neural.loss import check_task, network_width, training_loss
from outfold.metrics import columns_by_target
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.stages.download import download
from outfold.stages.predict import predict
from outfold.stages.show import show
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train
from outfold.submission import build

pytestmark = pytest.mark.usefixtures("one_thread")
OUTPUTS = ["size", "ink", "grade=low", "grade=medium", "grade=high"]
SEVERAL = {"host": "folder", "slug": "x", "target": ["size", "ink"]}


@pytest.fixture(scope="module")
def blended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest of three targets: a network and boosters, trained, predicted and blended."""
    torch.set_num_threads(1)
    network = CNN + "loss_weights: {ink: 0.3}\n"
    root = several_contest(tmp_path_factory.mktemp("several"), train=150, cnn=network, lightgbm=GBDT)
    return chain.blended(root, "cnn", "lightgbm")


@pytest.fixture(scope="module")
def contest(blended: Path) -> Contest:
    return load_contest(blended)


def config(**keys: Any) -> ImagePipeline:
    return ImagePipeline.model_validate({"learner": "image", **keys})


# ---- what is asked


def test_each_target_is_of_its_own_kind_and_its_outputs_have_names_of_their_own(contest: Contest) -> None:
    assert contest.task == "multitask" and contest.outputs == OUTPUTS
    assert [one.task for one in contest.questions] == ["binary", "regression", "ordinal"]
    assert [one.classes for one in contest.questions] == [["big", "small"], None, list(GRADES)]
    for one in contest.questions:
        said = contest.train[one.targets[0]]
        words = said if one.classes is None else pd.Series(one.classes)[one.y].set_axis(said.index)
        assert (said == words).all(), "the truth of each is its own column"
    assert contest.word(contest.y[0]).startswith("size small, ink 1")


def test_the_score_is_the_weighted_mean_of_the_targets_metrics(contest: Contest) -> None:
    perfect = np.column_stack([contest.y[:, :2], np.eye(3)[contest.y[:, 2].astype(int)]])
    assert contest.metric.score(contest.y, perfect) == 1
    perfect[:, 0] = 1 - perfect[:, 0]  # every size is wrong: accuracy 0, of weight 1 among 1, 0.5 and 2
    assert contest.metric.score(contest.y, perfect) == pytest.approx(2.5 / 3.5)
    assert contest.metric.greater_is_better


def test_metrics_of_two_directions_are_refused_by_name(blended: Path, tmp_path: Path) -> None:
    root = copied(blended, tmp_path, "r2, weight: 0.5", "rmse")
    with pytest.raises(ConfigError, match=r"accuracy of size \(greater\), rmse of ink \(less\)"):
        load_contest(root)


def test_an_error_of_one_target_says_which(blended: Path, tmp_path: Path) -> None:
    root = copied(blended, tmp_path, "order: [low, medium, high], ", "task: ordinal, ")
    with pytest.raises(ConfigError, match=r"competition.yaml:\d+: targets.grade.task: ordinal: .*words"):
        load_contest(root)
    root = copied(blended, tmp_path, "metric: accuracy", "metric: rmse")
    with pytest.raises(
        (ConfigError, DataError), match=r"competition.yaml:\d+: targets.size.metric: metric rmse is not defined"
    ):
        load_contest(root)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"targets": {"size": {}}, "task": "binary"}, "targets: is for task: multitask"),
        ({"targets": {"colour": {}}}, "'colour' is not among target"),
        ({"target": "size", "task": "multitask"}, "needs several columns"),
        ({"task": "multitask", "positive": 1}, "belongs to one target"),
        ({"targets": {"size": {"weight": 0}, "ink": {"weight": 0}}}, "all weigh 0"),
        ({"targets": {"ink": {"order": [1, 2], "task": "regression"}}}, "order: is for task: ordinal"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CompetitionConfig.model_validate({**SEVERAL, **keys})


def test_an_unknown_key_of_a_target_is_met_with_the_nearest(blended: Path, tmp_path: Path) -> None:
    root = copied(blended, tmp_path, "{metric: accuracy}", "{metrc: accuracy}")
    with pytest.raises(ConfigError, match=r"unknown key 'targets.size.metrc'; did you mean metric"):
        load_contest(root)


def test_the_targets_name_themselves() -> None:
    found = CompetitionConfig.model_validate({"host": "folder", "slug": "x", "targets": {"a": {}, "b": {"weight": 2}}})
    assert found.task == "multitask" and found.target == ["a", "b"]


def test_folds_are_stratified_by_the_first_target_of_classes(blended: Path, contest: Contest) -> None:
    folds = outfold.open(blended).folds
    assert folds.kind == "stratified" and contest.leading.targets == ["size"]
    shares = [contest.leading.truth(folds.valid(fold)).mean() for fold in folds.numbers()]
    assert max(shares) - min(shares) < 0.02


def test_an_auxiliary_target_is_learnt_and_shown_and_neither_scored_nor_sent(blended: Path, tmp_path: Path) -> None:
    root = copied(blended, tmp_path, "{metric: r2, weight: 0.5}", "{metric: rmse, weight: 0}")
    shutil.rmtree(root / "submissions", ignore_errors=True)
    for name in ("inputs/sample_submission.csv", "solution.csv"):
        pd.read_csv(root / name).drop(columns="ink").to_csv(root / name, index=False)
    download(Context(root))
    split(Context(root))
    manifest = train(Context(root), "lightgbm")
    targets = manifest.extra["targets"]
    assert targets["ink"] == {"metric": "rmse", "weight": 0, "score": pytest.approx(targets["ink"]["score"])}
    parts = [targets["size"]["score"], targets["grade"]["score"]]
    assert manifest.score == pytest.approx(np.average(parts, weights=[1, 2]))
    predict(Context(root), "lightgbm")
    scored = submit(Context(root), "lightgbm")
    assert scored is not None and scored.private is not None and scored.private > 0.3
    assert list(pd.read_csv(next((root / "submissions").glob("lightgbm-*.csv"))).columns) == ["id", "size", "grade"]


# ---- one network


def test_the_loss_is_the_weighted_sum_of_each_target_s(contest: Contest) -> None:
    weighted = training_loss(contest, config(loss_weights={"ink": 0.3, "grade": 2}), contest.y)
    outputs = torch.randn(len(contest.y), network_width(contest), generator=torch.manual_seed(0))
    assert outputs.shape[1] == 1 + 1 + 2, "a logit, a value, and one for each step between the grades"
    wanted = torch.zeros(len(outputs))
    slices = (slice(0, 1), slice(1, 2), slice(2, 4))
    for one, own, weight in zip(contest.questions, slices, (1.0, 0.3, 2.0), strict=True):
        alone = training_loss(one, config(), one.y)
        wanted += weight * alone.rows(outputs[:, own], alone.targets(one.y))
    torch.testing.assert_close(weighted.rows(outputs, weighted.targets(contest.y)), wanted)


def test_a_target_without_weight_is_not_learnt(contest: Contest) -> None:
    loss = training_loss(contest, config(loss_weights={"ink": 0}), contest.y)
    outputs = torch.zeros(len(contest.y), 4, requires_grad=True)
    loss.rows(outputs, loss.targets(contest.y)).sum().backward()
    assert outputs.grad is not None
    assert (outputs.grad[:, 1] == 0).all() and (outputs.grad[:, [0, 2]] != 0).any(dim=0).all()


def test_numbers_are_learnt_standardised_and_predicted_in_their_own_units(contest: Contest) -> None:
    ink = contest.y[:, 1]
    assert ink.min() > 1000
    loss = training_loss(contest, config(), contest.y)
    outputs = torch.zeros(2, 4)
    outputs[1, 1] = 1
    values = loss.predictions(outputs)[:, 1].numpy()
    np.testing.assert_allclose(values, [ink.mean(), ink.mean() + ink.std()], rtol=1e-5)


def test_class_weights_and_smoothing_are_for_the_targets_of_classes(contest: Contest) -> None:
    outputs, plain = torch.ones(len(contest.y), 4), config()
    for keys in ({"class_weight": "balanced"}, {"loss": "focal"}):
        loss, other = (training_loss(contest, made, contest.y) for made in (config(**keys), plain))
        assert not torch.allclose(
            loss.rows(outputs, loss.targets(contest.y)), other.rows(outputs, loss.targets(contest.y))
        )
        whole = loss.plain().rows(outputs, loss.targets(contest.y))
        torch.testing.assert_close(whole, other.rows(outputs, loss.targets(contest.y)))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"loss_weights": {"inc": 1}}, "'inc' is none of the targets.*ink"),
        ({"loss_weights": dict.fromkeys(("size", "ink", "grade"), 0)}, "all are 0"),
        ({"cutmix": 1.0}, "one of the targets is a number"),
        ({"loss": "asymmetric"}, "asymmetric is for multilabel"),
    ],
)
def test_keys_that_the_targets_have_no_use_for_are_refused(contest: Contest, keys: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_task(config(**keys), contest, "pipelines/cnn.yaml")
    with pytest.raises(ConfigError, match="loss_weights: is for several targets"):
        check_task(config(loss_weights={"size": 1}), contest.questions[0], "pipelines/cnn.yaml")


# ---- the chain


@pytest.mark.parametrize("pipeline", ["cnn", "lightgbm", "blend"])
def test_every_learner_and_the_blend_give_all_outputs_each_of_its_kind(blended: Path, pipeline: str) -> None:
    work = outfold.open(blended)
    for frame in (work.oof(pipeline), work.test(pipeline)):
        assert list(frame.columns[-5:]) == OUTPUTS
        assert frame["size"].between(0, 1).all() and frame["ink"].between(900, 2500).all()
        np.testing.assert_allclose(frame[OUTPUTS[2:]].sum(axis=1), 1, atol=1e-5)


def test_each_target_s_score_stands_beside_the_whole(blended: Path, contest: Contest) -> None:
    work = outfold.open(blended)
    for name in ("cnn", "lightgbm", "blend"):
        manifest = work.manifest(name)
        targets = manifest.extra["targets"]
        assert {key: one["metric"] for key, one in targets.items()} == {"size": "accuracy", "ink": "r2", "grade": "qwk"}
        whole = np.average([one["score"] for one in targets.values()], weights=[1, 0.5, 2])
        assert manifest.score == pytest.approx(whole)
    assert targets["size"]["score"] > 0.7 and targets["ink"]["score"] > 0.3, "the blend has learnt both"
    assert {"size accuracy", "ink r2", "grade qwk"} <= set(work.scores().columns)
    own = work.member_scores()[["weight for size", "weight for ink", "weight for grade"]]
    np.testing.assert_allclose(own.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(
        work.member_scores()["weight"], own.to_numpy() @ [1 / 3.5, 0.5 / 3.5, 2 / 3.5], rtol=1e-6
    )
    assert set(work.manifest("lightgbm").extra["thresholds"]) == {"size", "ink", "grade"}


def test_boosters_learn_each_target_as_if_it_were_alone(blended: Path, contest: Contest) -> None:
    from outfold.learners.registry import make_learner
    from outfold.store.fold_dir import Shelf

    context = Context(blended)
    alone = make_learner(contest.questions[1], context.model_config("lightgbm"), "lightgbm", context.reporter)
    folds = outfold.open(blended).folds
    shelf = Shelf.open(blended / "alone", "key")
    alone.fit(0, folds.train(0), folds.valid(0), shelf)
    ink = alone.predict("train", folds.valid(0), {0: shelf}).set_index("id")["ink"]
    together = outfold.open(blended).oof("lightgbm").loc[ink.index, "ink"]
    np.testing.assert_array_equal(ink, together)
    assert (blended / "artifacts" / "lightgbm" / "targets" / "ink" / "importance.csv").exists()


def test_a_fold_that_was_stopped_between_targets_goes_on_with_the_next(blended: Path, tmp_path: Path) -> None:
    root = tmp_path / "stopped"
    shutil.copytree(blended, root)
    context = Context(root)
    fold = context.layout.fold("lightgbm", 0)
    kept = fold / "target-0" / "model.txt"
    before = kept.stat().st_mtime_ns, outfold.open(root).manifest("lightgbm").oof_sha256
    (fold / "done.json").unlink()
    shutil.rmtree(fold / "target-2")
    context.layout.oof("lightgbm").unlink()
    assert (kept.stat().st_mtime_ns, train(context, "lightgbm").oof_sha256) == before
    assert (fold / "target-2" / "done.json").exists()


def members(root: Path) -> tuple[np.ndarray, np.ndarray]:
    work = outfold.open(root)
    frames = [work.oof(name) for name in ("cnn", "lightgbm")]
    return np.stack([frame[OUTPUTS].to_numpy() for frame in frames]), frames[0]["fold"].to_numpy()


@pytest.mark.parametrize("combiner", sorted(set(COMBINERS) - {"rank_mean", "ges"}))
def test_each_target_is_blended_as_if_it_were_alone(blended: Path, contest: Contest, combiner: str) -> None:
    P, fold = members(blended)
    y = contest.truth(outfold.open(blended).oof("cnn").index)
    keys = {"fold": fold, "names": ["a", "b"], "combiner": combiner}
    found = blend(P, y, task="multitask", metric=contest.metric, **keys)
    for one in contest.subtasks:
        alone = blend(P[:, :, one.outputs], one.truth_of(y), task=one.task, metric=one.metric, **keys)
        np.testing.assert_array_equal(found.oof[:, one.outputs], alone.oof)
        np.testing.assert_array_equal(found.predict(P)[:, one.outputs], alone.predict(P[:, :, one.outputs]))
        if alone.weights is not None:
            np.testing.assert_array_equal(found.weights_by_target[one.name], alone.weights)
    assert found.decide(found.oof).shape == found.oof.shape


def test_ranks_are_refused_by_the_target_that_they_do_not_go_with(blended: Path, contest: Contest) -> None:
    P, fold = members(blended)
    with pytest.raises(ConfigError, match="target size: combiner: rank_mean goes with"):
        blend(P, contest.y, fold, names=["a", "b"], task="multitask", metric=contest.metric, combiner="rank_mean")


def test_the_file_has_a_decision_of_each_target_and_the_host_scores_it(blended: Path) -> None:
    scored = submit(Context(blended), "lightgbm")
    assert scored is not None and scored.private is not None and scored.private > 0.4
    sent = pd.read_csv(next((blended / "submissions").glob("lightgbm-*.csv")))
    assert list(sent.columns) == ["id", "size", "ink", "grade"]
    assert set(sent["size"]) <= {"big", "small"} and set(sent["grade"]) <= set(GRADES)
    solution = pd.read_csv(blended / "solution.csv")
    right = {name: (sent[name] == solution[name]).mean() for name in ("size", "grade")}
    assert right["size"] > 0.6 and np.corrcoef(sent["ink"], solution["ink"])[0, 1] > 0.5


def test_a_metric_or_its_weight_changes_scores_and_trains_nothing(blended: Path, tmp_path: Path) -> None:
    root = copied(blended, tmp_path, "r2, weight: 0.5", "pearson, weight: 3")
    split(Context(root))
    before, after = outfold.open(blended).manifest("cnn"), train(Context(root), "cnn")
    assert after.fingerprint == before.fingerprint and after.oof_sha256 == before.oof_sha256
    assert after.score != before.score and after.extra["targets"]["ink"]["metric"] == "pearson"
    root = copied(blended, tmp_path, "order: [low, medium, high]", "order: [medium, low, high]")
    assert Context(root).competition.targets["grade"].order == ["medium", "low", "high"]
    config = Context(blended).model_config("cnn")
    split(Context(root))
    assert fit_fingerprint(Context(root), config) != fit_fingerprint(Context(blended), config)


def test_one_network_learns_all_targets(tmp_path: Path) -> None:
    cnn = CNN.replace("[8, 8, 16, 16]", "[16, 16, 32, 32]").replace("epochs: 4", "epochs: 8")
    root = several_contest(tmp_path, train=200, test=10, cnn=cnn)
    for stage in (download, split):
        stage(Context(root))
    targets = train(Context(root), "cnn", only_folds=[0]).extra["targets"]
    assert targets["size"]["score"] > 0.7
    assert targets["ink"]["score"] > 0.3
    assert targets["grade"]["score"] > 0.2


def test_reports_do_not_stumble(blended: Path) -> None:
    work = outfold.open(blended)
    assert show(Context(blended), "cnn", rows=3, draws=1).stat().st_size > 1000
    assert list(work.class_scores().index) == ["big", "small"]
    assert list(work.class_scores(target="grade").index) == list(GRADES)
    with pytest.raises(DataError, match="task is regression"):
        work.class_scores(target="ink")
    with pytest.raises(DataError, match=r"no target 'grad'.*grade"):
        work.class_scores(target="grad")
    worst = work.worst(n=3)
    assert worst["truth"].str.match(r"size \w+, ink [\d.]+, grade \w+").all() and (worst["loss"] > 0).all()
    assert work.figures.confusion(target="grade") is not None and work.figures.worst(n=4) is not None


# ---- columns of a file


def test_a_target_is_one_column_or_one_a_class(contest: Contest) -> None:
    grades = [f"grade_{name}" for name in GRADES]
    found = columns_by_target(contest.subtasks, ["ink", *grades, "size"], "sample.csv", DataError)
    assert found["grade"] == dict(zip(grades, GRADES, strict=True)) and found["ink"] == {"ink": "ink"}
    assert columns_by_target(contest.subtasks, ["ink", *GRADES, "size"], "s", DataError)["grade"] == {
        name: name for name in GRADES
    }


def test_columns_that_no_target_has_and_targets_without_columns_are_told(contest: Contest) -> None:
    with pytest.raises(SubmissionError, match="targets grade have no column in it; its columns grade_low are of no"):
        columns_by_target(contest.subtasks, ["size", "ink", "grade_low"], "the sample submission", SubmissionError)


def test_class_columns_hold_probabilities_in_the_sample_s_order(contest: Contest) -> None:
    columns = ["grade=high", "ink", "grade=low", "grade=medium", "size"]
    sample = pd.DataFrame({"id": ["a", "b"], **dict.fromkeys(columns, 0.0)})
    outputs = pd.DataFrame([[0.9, 1200, 0.1, 0.2, 0.7], [0.2, 1300, 0.6, 0.3, 0.1]], index=["a", "b"], columns=OUTPUTS)
    frame = build(
        sample,
        outputs,
        task="multitask",
        targets=contest.targets,
        classes=None,
        metric=contest.metric,
        span={"ink": None},
    )
    assert list(frame.columns) == list(sample.columns)
    np.testing.assert_allclose(frame["grade=high"], [0.7, 0.1], rtol=1e-6)
    assert frame["size"].tolist() == ["small", "big"] and frame["ink"].tolist() == [1200, 1300]


def copied(root: Path, tmp_path: Path, old: str, new: str) -> Path:
    """A copy of a contest folder with one change in its contest file."""
    copy = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
    shutil.copytree(root, copy)
    path = copy / "competition" / "competition.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return copy
