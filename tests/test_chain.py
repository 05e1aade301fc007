"""The chain on a table, as a user runs it: stages, idempotence, refusals, the ledger."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import REPO, TABULAR, outfold, outfold_process, write_contest
from sklearn.metrics import roc_auc_score

import outfold as package
from outfold.errors import DataError, MismatchError
from outfold.runs.context import Context
from outfold.runs.provenance import fit_fingerprint
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.split import split
from outfold.stages.submit import submit
from outfold.stages.train import train
from outfold.store import ledger


def run_all(root: Path, *names: str) -> Context:
    context = Context(root)
    download(context)
    split(context)
    for name in names or context.layout.pipeline_names():
        train(context, name)
        predict(context, name)
    ensemble(context)
    return context


def test_the_whole_chain_from_the_command_line(tabular: Path) -> None:
    for stage in ("download", "split", "train", "predict", "ensemble", "submit"):
        said = outfold_process(tabular, stage).stdout
    assert "public leaderboard" in said
    assert "private leaderboard" in said
    sent = ledger.read(tabular / "submissions" / "ledger.csv")
    assert len(sent) == 1
    row = sent.iloc[0]
    assert row["status"] == "complete"
    # the local leaderboard scores what scikit-learn scores
    solution = pd.read_csv(tabular / "solution.csv").set_index("case")
    file = pd.read_csv(tabular / "submissions" / row["file"]).set_index("case")
    private = solution[solution["Usage"] == "Private"]
    assert row["private_score"] == pytest.approx(roc_auc_score(private["target"], file.loc[private.index, "target"]))
    assert row["private_score"] > 0.95
    for stage in ("download", "split", "train", "predict", "ensemble", "submit"):
        assert "up to date" in outfold(tabular, stage).stdout
    assert len(ledger.read(tabular / "submissions" / "ledger.csv")) == 1


def test_predictions_are_by_real_id_float32_and_score_what_the_manifest_says(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    source = pd.read_csv(tabular / "inputs" / "train.csv").set_index("case")
    oof = pd.read_parquet(context.layout.oof("lightgbm")).set_index("id")
    assert set(oof.index) == set(source.index)
    assert oof["target"].dtype == np.float32
    manifest = json.loads(context.layout.manifest("lightgbm").read_text())
    assert manifest["score"] == pytest.approx(roc_auc_score(source.loc[oof.index, "target"], oof["target"]), abs=1e-9)
    folds = pd.read_parquet(context.layout.folds).set_index("id")["fold"]
    assert (oof["fold"] == folds.loc[oof.index]).all()
    assert manifest["folds_hash"] == context.folds.hash
    test = pd.read_parquet(context.layout.test("lightgbm"))
    assert set(test["id"]) == set(pd.read_csv(tabular / "inputs" / "test.csv")["case"])


def test_a_second_run_writes_the_same_bytes(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    files = [context.layout.oof(n) for n in ("lightgbm", "blend")] + [
        context.layout.test(n) for n in ("lightgbm", "blend")
    ]
    first = [path.read_bytes() for path in files]
    shutil.rmtree(context.layout.artifacts)
    run_all(tabular, "lightgbm", "shallow")
    assert [path.read_bytes() for path in files] == first


def test_an_edited_pipeline_is_the_only_one_that_is_trained_again(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    before = {name: json.loads(context.layout.manifest(name).read_text()) for name in ("lightgbm", "shallow", "blend")}
    config = tabular / "pipelines" / "shallow.yaml"
    config.write_text(config.read_text().replace("max_depth: 2", "max_depth: 1"))
    run_all(tabular)
    after = {name: json.loads(context.layout.manifest(name).read_text()) for name in before}
    assert after["lightgbm"] == before["lightgbm"]
    assert after["shallow"]["fingerprint"] != before["shallow"]["fingerprint"]
    assert after["blend"]["fingerprint"] != before["blend"]["fingerprint"]


def test_models_that_are_gone_are_trained_again_only_where_they_must_still_predict(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    test = context.layout.test("shallow")
    wanted = test.read_bytes()
    shutil.rmtree(context.layout.fold("shallow", 0).parent)
    assert "shallow: up to date" in outfold(tabular, "train", "shallow").stdout, "all that is needed of them is there"
    test.unlink()
    refused = outfold(tabular, "predict", "shallow", check=False)
    assert refused.returncode == 2 and "the models of fold 0" in refused.stderr
    assert "shallow: up to date" not in outfold(tabular, "train", "shallow").stdout, "what the message says to do helps"
    outfold(tabular, "predict", "shallow")
    assert test.read_bytes() == wanted


def test_another_metric_trains_nothing_and_scores_again(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    bytes_before = context.layout.oof("lightgbm").read_bytes()
    before = json.loads(context.layout.manifest("lightgbm").read_text())
    write_contest(tabular, TABULAR.replace("metric: auc", "metric: log_loss"))
    run_all(tabular)
    after = json.loads(context.layout.manifest("lightgbm").read_text())
    assert after["fingerprint"] == before["fingerprint"]
    assert (after["metric"], before["metric"]) == ("log_loss", "auc")
    assert context.layout.oof("lightgbm").read_bytes() == bytes_before


def test_changed_data_makes_everything_stale(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    table = tabular / "inputs" / "train.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    fresh = Context(tabular)
    download(fresh)
    split(fresh)
    with pytest.raises(MismatchError, match="lightgbm was trained on another contest, pipeline, data or folds"):
        predict(fresh, "lightgbm")
    with pytest.raises(MismatchError, match=r"lightgbm was trained on another .*changed: folds, data.*; shallow was"):
        ensemble(fresh)
    assert context.folds.hash != fresh.folds.hash


def test_a_model_with_a_fold_missing_is_refused_by_name(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    train(Context(tabular), "shallow", only_folds=[0, 2])
    predict(Context(tabular), "shallow")
    with pytest.raises(MismatchError, match="shallow is not trained on fold 1"):
        ensemble(Context(tabular))
    train(Context(tabular), "shallow")
    predict(Context(tabular), "shallow")
    assert ensemble(Context(tabular)).score == json.loads(context.layout.manifest("blend").read_text())["score"]


def test_test_predictions_older_than_their_models_are_refused(tabular: Path) -> None:
    run_all(tabular, "lightgbm", "shallow")
    config = tabular / "pipelines" / "shallow.yaml"
    config.write_text(config.read_text() + "seed: 5\n")
    train(Context(tabular), "shallow")
    with pytest.raises(MismatchError, match="shallow: its test predictions are missing or older"):
        ensemble(Context(tabular))


def test_one_pipeline_can_be_sent_and_a_dry_run_sends_nothing(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    assert submit(context, "lightgbm", dry_run=True) is None
    assert len(ledger.read(context.layout.ledger)) == 0
    scored = submit(context, "lightgbm", message="alone, with a comma")
    assert scored is not None and scored.status == "complete"
    row = ledger.read(context.layout.ledger).iloc[0]
    assert row["message"] == "alone, with a comma"
    assert row["file"].startswith("lightgbm-")


def test_the_api_reads_what_the_stages_left(tabular: Path) -> None:
    run_all(tabular, "lightgbm", "shallow")
    work = package.open(tabular)
    assert list(work.scores().index) == ["lightgbm", "shallow", "blend"]
    assert work.member_scores()["weight"].sum() == pytest.approx(1.0, abs=1e-3)
    oof = work.oof("lightgbm")
    assert oof.index.equals(work.truth().index.sort_values())
    assert work.class_scores()["rows"].sum() == len(oof)
    worst = work.worst(n=5)
    assert worst["loss"].is_monotonic_decreasing
    columns = pd.read_csv(tabular / "inputs" / "train.csv", index_col=0)
    shown = [name for name in columns if name not in work.contest.targets]
    assert list(worst) == ["fold", "truth", "predicted", "loss", *shown]
    assert worst[shown[0]].tolist() == work.contest.train.loc[worst.index, shown[0]].tolist()
    assert list(work.worst(columns=[shown[1]]))[4:] == [shown[1]]
    first = pd.read_csv(tabular / "artifacts" / "lightgbm" / "importance.csv")["feature"][0]
    assert list(work.worst("lightgbm", columns=1))[4:] == [first]
    with pytest.raises(DataError, match=f"no column '{shown[0]}x'; did you mean {shown[0]}"):
        work.worst(columns=[f"{shown[0]}x"])
    assert len(work.test()) == len(pd.read_csv(tabular / "inputs" / "test.csv"))
    for draw in (work.figures.scores, work.figures.weights, work.figures.confusion):
        assert draw().get_axes()


def test_hooks_add_features_a_metric_and_post_processing(tabular: Path) -> None:
    (tabular / "competition" / "hooks.py").write_text(
        "import numpy as np\n"
        "def features(train, test):\n"
        "    for frame in (train, test):\n"
        "        frame['ratio'] = frame['mean area'] / frame['mean radius']\n"
        "    return train, test\n"
        "def mine(y, p):\n"
        "    return float(np.mean((p - y) ** 2))\n"
        "mine.greater_is_better = False\n"
        "def postprocess(submission):\n"
        "    submission['target'] = submission['target'].clip(0.1, 0.9)\n"
        "    return submission\n"
    )
    write_contest(tabular, TABULAR.replace("metric: auc", "metric: hooks.py:mine"))
    context = run_all(tabular, "lightgbm", "shallow")
    scored = submit(context)
    assert scored is not None and scored.private is not None and scored.private < 0.1
    file = pd.read_csv(tabular / "submissions" / ledger.read(context.layout.ledger).iloc[0]["file"])
    assert file["target"].between(0.1, 0.9).all()
    importance = pd.read_csv(context.layout.pipeline("lightgbm") / "importance.csv")
    assert "ratio" in set(importance["feature"])


def test_a_partial_training_is_never_taken_for_a_whole_one(tabular: Path) -> None:
    context = Context(tabular)
    download(context)
    split(context)
    train(context, "lightgbm", only_folds=[0])
    predict(Context(tabular), "lightgbm")
    one = pd.read_parquet(context.layout.test("lightgbm"))
    planned = runpy.run_path(str(REPO / "tools" / "plan.py"))["plan"]
    assert "stale:train/lightgbm" in planned(tabular), "make trains the other folds"
    train(Context(tabular), "lightgbm")
    predict(Context(tabular), "lightgbm")
    assert len(pd.read_parquet(context.layout.test("lightgbm"))) == 3 * len(one)
    assert "stale:train/lightgbm" not in planned(tabular)


def test_a_fold_column_that_is_no_feature_any_more_makes_another_model(tabular: Path) -> None:
    run_all(tabular, "lightgbm", "shallow")
    config = Context(tabular).model_config("lightgbm")
    before = fit_fingerprint(Context(tabular), config)
    write_contest(tabular, TABULAR.replace("seed: 7}", "seed: 7, group: size}"))
    split(Context(tabular))
    assert fit_fingerprint(Context(tabular), config) != before


def test_post_processing_retrains_nothing_and_features_do(tabular: Path) -> None:
    run_all(tabular, "lightgbm", "shallow")
    config = Context(tabular).model_config("lightgbm")
    before = fit_fingerprint(Context(tabular), config)
    hooks = tabular / "competition" / "hooks.py"
    hooks.write_text("def postprocess(submission):\n    return submission\n")
    assert fit_fingerprint(Context(tabular), config) == before
    hooks.write_text("def features(train, test):\n    return train, test\n")
    split(Context(tabular))
    assert fit_fingerprint(Context(tabular), config) != before


def test_what_chooses_or_teaches_a_booster_makes_another_model_and_where_it_runs_does_not(tabular: Path) -> None:
    for stage in (download, split):
        stage(Context(tabular))
    hooks, few = tabular / "competition" / "hooks.py", "learner: gbdt\nrounds: 30\nearly_stopping: 5\n"
    hooks.write_text("def steep(y, raw):\n    return raw - y, 0 * raw + 1\n")

    def made_of(contest: str, more: str) -> str:
        write_contest(tabular, contest, lightgbm=few + more)
        return fit_fingerprint(Context(tabular), Context(tabular).model_config("lightgbm"))

    auc, f1 = TABULAR, TABULAR.replace("auc", "f1")
    assert made_of(auc, "") == made_of(f1, "") == made_of(auc, "device: cpu\nshap: false\n")
    by_metric = [made_of(contest, "stop_by: contest\n") for contest in (auc, f1)]
    assert len({made_of(auc, ""), made_of(auc, "library: xgboost\n"), *by_metric}) == 4
    own = made_of(auc, "objective: hooks.py:steep\n")
    hooks.write_text("def steep(y, raw):\n    return raw - y, 0 * raw + 2\n")
    assert made_of(auc, "") != own != made_of(auc, "objective: hooks.py:steep\n")


def test_repeated_folds_score_every_fold_of_every_repeat(tabular: Path) -> None:
    write_contest(tabular, TABULAR.replace("seed: 7}", "seed: 7, repeats: 2}").replace("auc", "f1"))
    context = run_all(tabular, "lightgbm", "shallow")
    manifest = json.loads(context.layout.manifest("lightgbm").read_text())
    assert len(manifest["fold_scores"]) == 6
    assert all(score > 0.8 for score in manifest["fold_scores"])
    oof = pd.read_parquet(context.layout.oof("lightgbm"))
    assert (oof.groupby("id").size() == 2).all()


def test_a_solution_that_comes_later_scores_what_was_sent_before(tabular: Path) -> None:
    write_contest(tabular, TABULAR.replace("solution: solution.csv\n", ""))
    context = run_all(tabular, "lightgbm", "shallow")
    first = submit(context)
    assert first is not None and first.private is None
    write_contest(tabular, TABULAR)
    again = submit(Context(tabular))
    assert again is not None and again.private is not None
    rows = ledger.read(context.layout.ledger)
    assert len(rows) == 1
    assert rows.iloc[0]["private_score"] == pytest.approx(again.private)


def test_a_pipeline_trained_since_it_predicted_is_not_sent(tabular: Path) -> None:
    context = run_all(tabular, "lightgbm", "shallow")
    config = tabular / "pipelines" / "shallow.yaml"
    config.write_text(config.read_text() + "seed: 5\n")
    train(Context(tabular), "shallow")
    with pytest.raises(MismatchError, match="shallow: its test predictions are missing or older"):
        submit(Context(tabular), "shallow")
    assert not context.layout.submissions.exists()
