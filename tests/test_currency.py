"""One rule of currency: no command uses results that are made of something else than what is in the folder now."""

from __future__ import annotations

import re
import shlex
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import TABULAR, outfold, write_contest, write_tables

import outfold as package
from outfold.analysis.api import OutOfDateWarning
from outfold.errors import OutfoldError

CHAIN = ("download", "split", "train", "predict", "ensemble")
USERS = (["ensemble"], ["submit"], ["submit", "shallow"], ["report"])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contest whose chain has run, up to the blend."""
    from sklearn.datasets import load_breast_cancer

    root = tmp_path_factory.mktemp("finished") / "contest"
    frame = load_breast_cancer(as_frame=True).frame.iloc[:, [0, 1, 2, 20, -1]].copy()
    frame["size"] = np.where(frame["mean radius"] > 14, "large", "small")
    write_tables(root, frame, "target")
    few = "learner: gbdt\nrounds: 10\nearly_stopping: 0\n"
    write_contest(root, TABULAR, lightgbm=few, shallow=few + "params: {max_depth: 2}\n")
    for stage in CHAIN:
        outfold(root, stage)
    return root


@pytest.fixture
def chain(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "contest")


def edit_pipeline(root: Path) -> None:
    path = root / "pipelines" / "shallow.yaml"
    path.write_text(path.read_text().replace("max_depth: 2", "max_depth: 3"))


def edit_contest(root: Path) -> None:
    write_contest(root, TABULAR + "columns: {ignore: [size]}\n")


def edit_folds(root: Path) -> None:
    write_contest(root, TABULAR.replace("seed: 7", "seed: 8"))


def edit_data(root: Path) -> None:
    path = root / "inputs" / "train.csv"
    path.write_text(path.read_text().replace("small", "tiny"))


def add_features(root: Path) -> None:
    hook = "def features(train, test):\n    return train.assign(one=1.5), test.assign(one=2.5)\n"
    (root / "competition" / "hooks.py").write_text(hook)


def change_metric(root: Path) -> None:
    write_contest(root, TABULAR.replace("metric: auc", "metric: log_loss"))


def retrain(root: Path) -> None:
    edit_pipeline(root)
    outfold(root, "train", "shallow")


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipeline": (edit_pipeline, "shallow was trained on another"),
    "contest": (edit_contest, "the split was made before the contest, inputs/ or hooks.py changed"),
    "folds": (edit_folds, "the split was made before"),
    "data": (edit_data, "the split was made before"),
    "hooks": (add_features, "the split was made before"),
    "metric": (change_metric, "shallow was scored by another metric"),
    "retrained": (retrain, "shallow: its test predictions are missing or older than its models"),
}


def healed(root: Path, *arguments: str) -> list[str]:
    """Run what the refusals of a command say to run, until it runs; the commands."""
    commands: list[str] = []
    while (done := outfold(root, *arguments, check=False)).returncode == 2 and len(commands) < 20:
        found = re.findall(r"`(outfold .*?)`", done.stderr)
        assert found, done.stderr
        for command in found:
            words = shlex.split(command)
            assert (Path.cwd() / words[2]).resolve() == root.resolve()
            outfold(root, *words[3:])
        commands += found
    assert done.returncode == 0, done.stderr
    return commands


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_refused_by_every_command_that_uses_results_and_its_remedy_heals_it(
    chain: Path, change: str
) -> None:
    edit, said = CHANGES[change]
    edit(chain)
    for arguments in USERS:
        done = outfold(chain, *arguments, check=False)
        assert done.returncode == 2 and said in done.stderr, (arguments, done.stderr)
    assert not (chain / "submissions").exists()
    assert len(healed(chain, "submit", "--dry-run")) <= 4, "the first message has all commands"
    assert "up to date" in outfold(chain, "ensemble").stdout


@pytest.mark.parametrize("stage", ["train", "predict", "tune", "lr-find"])
def test_folds_that_are_edited_and_not_split_are_used_by_no_command(chain: Path, stage: str) -> None:
    edit_folds(chain)
    done = outfold(chain, stage, "shallow", check=False)
    assert done.returncode == 2 and "the split was made before" in done.stderr
    assert "split" in done.stderr.split("Run")[1]


def test_a_blend_whose_own_file_or_pipelines_changed_is_not_sent(chain: Path) -> None:
    (chain / "pipelines" / "blend.yaml").write_text("learner: blend\ncombiner: mean\n")
    done = outfold(chain, "submit", check=False)
    assert done.returncode == 2 and "the blend is out of date" in done.stderr
    assert len(healed(chain, "submit", "--dry-run")) == 1

    few = (chain / "pipelines" / "shallow.yaml").read_text()
    (chain / "pipelines" / "third.yaml").write_text(few)
    assert "third is not trained" in outfold(chain, "submit", check=False).stderr
    assert len(healed(chain, "submit", "--dry-run")) == 3  # train, predict, ensemble

    (chain / "pipelines" / "third.yaml").unlink()
    for stage in ("submit", "report"):
        done = outfold(chain, stage, check=False)
        assert "the blend is made of lightgbm, shallow, third; its pipelines are now lightgbm, shallow" in done.stderr
    assert "no such pipeline" in outfold(chain, "submit", "third", check=False).stderr
    assert len(healed(chain, "submit", "--dry-run")) == 1


def test_a_blend_is_out_of_date_once_a_member_was_trained_and_has_predicted_again(chain: Path) -> None:
    retrain(chain)
    outfold(chain, "predict", "shallow")
    done = outfold(chain, "submit", check=False)
    assert done.returncode == 2 and "the blend is out of date (changed: predictions" in done.stderr


def test_post_processing_alone_changes_the_file_and_nothing_else(chain: Path) -> None:
    hook = "def postprocess(submission):\n    return submission.assign(target=submission['target'] / 2)\n"
    (chain / "competition" / "hooks.py").write_text(hook)
    outfold(chain, "submit", "--dry-run")
    table = pd.read_csv(next((chain / "submissions").glob("*.csv")))
    assert 0.25 < table["target"].max() <= 0.5


def test_the_api_reads_what_is_out_of_date_and_warns_of_it_once(chain: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        work = package.open(chain)
        work.scores()
        assert work.out_of_date().empty
    edit_pipeline(chain)
    work = package.open(chain)
    with pytest.warns(OutOfDateWarning, match="shallow was trained on another") as caught:
        assert list(work.scores().index) == ["lightgbm", "shallow", "blend"]
        work.oof("shallow")
    assert len(caught) == 2  # shallow, and the blend of it
    assert list(work.out_of_date().index) == ["shallow", "blend"]
    assert "ensemble" in work.out_of_date().loc["blend", "reason"]


def test_the_api_writes_nothing_and_survives_a_contest_that_cannot_be_read(chain: Path) -> None:
    edit_data(chain)
    manifest = chain / "artifacts" / "data.json"
    before = manifest.read_bytes()
    assert set(package.open(chain).out_of_date().index) == {"lightgbm", "shallow", "blend"}
    assert manifest.read_bytes() == before
    (chain / "pipelines" / "shallow.yaml").write_text("learner: nonsense\n")
    assert "nonsense" in package.open(chain).out_of_date().loc["shallow", "reason"]


def test_an_error_of_currency_travels_between_processes(chain: Path) -> None:
    import pickle

    from outfold.runs.context import Context
    from outfold.runs.provenance import current

    edit_pipeline(chain)
    with pytest.raises(OutfoldError) as caught:
        current(Context(chain), "shallow")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
