"""outfold import: a teammate's predictions are checked, scored and blended; nothing is trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import outfold, write_contest
from contest_folder import IRISES, cancer_tables, iris_tables
from contest_folder import write_contest as write_folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model of our own, and the same predictions as a friend would export them."""
    root = tmp_path_factory.mktemp("trained")
    write_folder(root, *iris_tables())
    write_contest(root, IRISES, own="learner: gbdt\nrounds: 5\nrefit: false\n", two="learner: linear\n")
    for stage in ("download", "split", "train", "predict"):
        outfold(root, stage)
    for part in ("oof", "test"):
        export(root, part).to_csv(root / f"friend-{part}.csv", index=False)
    shutil.rmtree(root / "artifacts" / "two")
    (root / "pipelines" / "two.yaml").unlink()
    return root


def export(root: Path, part: str) -> pd.DataFrame:
    frame = pd.read_parquet(root / "artifacts" / "two" / f"{part}.parquet").drop(columns="member")
    if part == "oof":
        return frame.rename(columns={"id": "flower"}).sample(frac=1, random_state=0)
    return frame.drop(columns="fold").groupby("id", as_index=False).mean()


@pytest.fixture
def root(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "contest")
    return tmp_path / "contest"


def bring(root: Path, *options: str, check: bool = True, name: str = "friend"):
    files = ("--oof", str(root / "friend-oof.csv"), "--test", str(root / "friend-test.csv"))
    return outfold(root, "import", name, *files, *options, check=check)


def test_imported_predictions_are_blended_and_sent(root: Path) -> None:
    assert "log_loss" in bring(root).stdout
    told = outfold(root, "ensemble").stdout
    assert "friend/imported" in told and "own/gbdt" in told
    outfold(root, "submit", "--dry-run")
    outfold(root, "submit", "friend", "--dry-run")
    for stage in ("train", "predict"):
        assert f"{stage} friend: imported" in outfold(root, stage, "friend").stdout
    assert "up to date" in outfold(root, "ensemble").stdout
    assert "pipelines/friend.yaml: imported predictions" in outfold(root, "check").stdout
    assert "learner: imported" in outfold(root, "config").stdout


def test_the_scores_are_those_of_the_predictions(root: Path) -> None:
    from sklearn.metrics import log_loss

    from outfold import open as open_contest

    bring(root)
    frame = pd.read_csv(root / "friend-oof.csv").set_index("flower")
    truth = pd.read_csv(root / "inputs" / "train.csv").set_index("flower")["species"]
    names = sorted(truth.unique())
    right = log_loss(truth.loc[frame.index], frame[names].to_numpy(), labels=names)
    assert open_contest(root).manifest("friend").score == pytest.approx(right, abs=1e-6)


def test_without_a_fold_column_the_user_states_that_the_folds_were_the_same(root: Path) -> None:
    path = root / "friend-oof.csv"
    pd.read_csv(path).drop(columns="fold").to_csv(path, index=False)
    done = bring(root, check=False)
    assert done.returncode == 2 and "--same-folds" in done.stderr
    assert not (root / "artifacts" / "friend").exists() and not (root / "pipelines" / "friend.yaml").exists()
    bring(root, "--same-folds")
    outfold(root, "ensemble")


def oof(change: Callable[[pd.DataFrame], pd.DataFrame]) -> tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    return "friend-oof.csv", change


def test_part(change: Callable[[pd.DataFrame], pd.DataFrame]) -> tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]:
    return "friend-test.csv", change


test_part.__test__ = False  # type: ignore[attr-defined]

BAD = {
    "other folds": (oof(lambda f: f.assign(fold=(f["fold"] + 1) % 3)), "have another fold"),
    "a fold that is none": (oof(lambda f: f.assign(fold="x")), "is no whole number"),
    "a member without a name": (oof(lambda f: f.assign(member=np.where(f.index == 3, "", "m"))), "member"),
    "a row missing": (oof(lambda f: f.iloc[1:]), "1 ids"),
    "a row twice": (oof(lambda f: pd.concat([f, f.iloc[:1]])), "twice"),
    "an unknown id": (oof(lambda f: f.assign(flower=f["flower"].replace(f["flower"].iloc[0], 9999))), "9999"),
    "no id column": (oof(lambda f: f.drop(columns="flower")), "no column id or flower"),
    "an output missing": (oof(lambda f: f.drop(columns="setosa")), "no column setosa"),
    "an output misspelt": (oof(lambda f: f.rename(columns={"setosa": "setossa"})), "setossa"),
    "an output more": (oof(lambda f: f.assign(rose=0.0)), "the column rose is no output"),
    "text for a number": (oof(lambda f: f.assign(setosa="much")), "not finite numbers"),
    "no number": (oof(lambda f: f.assign(setosa=np.nan)), "not finite numbers"),
    "an infinite number": (oof(lambda f: f.assign(setosa=np.inf)), "not finite numbers"),
    "logits": (oof(lambda f: f.assign(setosa=f["setosa"] * 9 - 4)), "no probabilities"),
    "a sum that is not 1": (oof(lambda f: f.assign(setosa=f["setosa"] / 2)), "have not the sum 1"),
    "no number in the test part": (test_part(lambda f: f.assign(setosa=np.nan)), "not finite numbers"),
    "a test row missing": (test_part(lambda f: f.iloc[1:]), "1 ids"),
    "other members": (test_part(lambda f: f.assign(member="other")), "its members are other"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_and_nothing_is_written(root: Path, case: str) -> None:
    (name, change), reason = BAD[case]
    path = root / name
    change(pd.read_csv(path)).to_csv(path, index=False)
    done = bring(root, check=False)
    assert done.returncode == 2, done.stderr
    assert name in done.stderr and reason in done.stderr, done.stderr
    assert not (root / "artifacts" / "friend").exists() and not (root / "pipelines" / "friend.yaml").exists()


def test_the_truth_is_imported_with_a_warning(root: Path) -> None:
    path = root / "friend-oof.csv"
    frame = pd.read_csv(path)
    truth = pd.read_csv(root / "inputs" / "train.csv").set_index("flower")["species"]
    for name in truth.unique():
        frame[name] = (truth.loc[frame["flower"]].to_numpy() == name).astype(float)
    frame.to_csv(path, index=False)
    done = bring(root)
    assert "equals the truth" in done.stdout + done.stderr


def test_other_folds_make_imported_predictions_stale_with_the_command_to_run(root: Path) -> None:
    bring(root)
    path = root / "competition" / "competition.yaml"
    path.write_text(path.read_text().replace("seed: 1", "seed: 2"))
    outfold(root, "split")
    outfold(root, "train", "own")
    outfold(root, "predict", "own")
    for stage in (("ensemble",), ("submit", "friend", "--dry-run"), ("train", "friend"), ("predict", "friend")):
        done = outfold(root, *stage, check=False)
        assert done.returncode == 2 and "belong to other folds" in done.stderr, stage
        assert "import friend --oof" in done.stderr
    assert "have another fold" in bring(root, check=False).stderr, "and no hash lets them in"


def test_another_metric_scores_imported_predictions_again(root: Path) -> None:
    bring(root)
    path = root / "competition" / "competition.yaml"
    path.write_text(path.read_text().replace("log_loss", "accuracy"))
    assert outfold(root, "submit", "friend", "--dry-run", check=False).returncode == 2
    assert "accuracy" in outfold(root, "train", "friend").stdout
    outfold(root, "submit", "friend", "--dry-run")


def test_damaged_imports_name_the_import(root: Path) -> None:
    bring(root)
    (root / "artifacts" / "friend" / "oof.parquet").unlink()
    done = outfold(root, "ensemble", check=False)
    assert done.returncode == 2 and "oof.parquet" in done.stderr and "import friend --oof" in done.stderr
    bring(root)
    outfold(root, "ensemble")


def test_the_name_of_a_model_is_not_taken(root: Path) -> None:
    done = bring(root, check=False, name="own")
    assert done.returncode == 2 and "own.yaml" in done.stderr
    assert bring(root, check=False, name="blend").returncode == 2


def test_a_model_that_would_be_trained_is_asked_for_instead_of_an_import(root: Path) -> None:
    bring(root)
    done = outfold(root, "summary", "friend", check=False)
    assert done.returncode == 2 and "predictions without a model" in done.stderr
    (root / "pipelines" / "student.yaml").write_text("learner: gbdt\nrounds: 5\npseudo: {pipelines: [friend]}\n")
    done = outfold(root, "train", "student", check=False)
    assert done.returncode == 2 and "cannot be pseudo-labels" in done.stderr


def test_members_parquet_and_ids_with_leading_zeros(tmp_path: Path) -> None:
    train, test, sample = cancer_tables()
    root = write_folder(tmp_path / "c", train, test, sample, id="patient", target="diagnosis", train="train.csv")
    text = (root / "competition" / "competition.yaml").read_text()
    lines = "sample_submission: sample_submission.csv\nmetric: auc\nfolds: {n: 2, seed: 0}\n"
    (root / "competition" / "competition.yaml").write_text(text + lines)
    (root / "pipelines").mkdir()
    for stage in ("download", "split"):
        outfold(root, stage)
    folds = pd.read_parquet(root / "artifacts" / "folds.parquet")
    rng = np.random.default_rng(0)
    for part, keys in (("oof", folds), ("test", test[["patient"]].rename(columns={"patient": "id"}))):
        members = [keys.assign(member=name, diagnosis=rng.random(len(keys))) for name in ("a", "b")]
        pd.concat(members).to_parquet(root / f"{part}.parquet", index=False)
    outfold(root, "import", "friend", "--oof", str(root / "oof.parquet"), "--test", str(root / "test.parquet"))
    told = outfold(root, "ensemble").stdout
    assert "friend/a" in told and "friend/b" in told
    assert pd.read_parquet(root / "artifacts" / "friend" / "test.parquet")["id"].iloc[0].startswith("0")
