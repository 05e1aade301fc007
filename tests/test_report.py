"""The notebook runs, and the report is one page with pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import IMAGES, outfold, write_contest, write_images

from outfold.stages.context import Context
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.report import report
from outfold.stages.split import split
from outfold.stages.train import train
from outfold.workspace import Workspace


def finish(root: Path) -> Context:
    context = Context(root)
    download(context)
    split(context)
    for name in context.layout.pipeline_names():
        train(context, name)
        predict(context, name)
    ensemble(context)
    return context


def test_the_report_of_a_contest_of_images_shows_its_worst_rows(tmp_path: Path) -> None:
    root = tmp_path / "contest"
    write_images(root, rows=60)
    few = "learner: gbdt\nrounds: 20\nearly_stopping: 0\n"
    write_contest(root, IMAGES, one=few, two=few + "seed: 1\nparams: {max_depth: 2}\n")
    page = report(finish(root)).read_text()
    assert page.count("data:image/png;base64") >= 6  # scores, weights, confusion, importances of two, worst rows
    headings = ("Scores by pipeline and fold", "Members", "Classes", "What the models look at", "The worst rows")
    for heading in (*headings, "Submissions sent"):
        assert heading in page
    assert "Traceback" not in page


def test_the_report_of_a_table(tabular: Path) -> None:
    finish(tabular)
    said = outfold(tabular, "report", "--to", str(tabular / "page.html")).stdout
    assert "page.html" in said
    assert "honest" in (tabular / "page.html").read_text()
    looks = Workspace(tabular).looks()
    assert {name: [path.name for path in paths] for name, paths in looks.items()} == {
        "lightgbm": ["shap.png"],
        "shallow": ["shap.png"],
    }


def test_a_report_without_a_blend_says_what_to_run(tabular: Path) -> None:
    done = outfold(tabular, "report", check=False)
    assert done.returncode == 2
    assert "ensemble" in done.stderr


@pytest.mark.parametrize("name", ["scores", "weights", "confusion", "worst"])
def test_figures_show_themselves_in_a_notebook(tmp_path: Path, name: str) -> None:
    import outfold as package

    root = tmp_path / "contest"
    write_images(root, rows=30)
    write_contest(root, IMAGES, one="learner: gbdt\nrounds: 5\nearly_stopping: 0\n")
    finish(root)
    picture = getattr(package.open(root).figures, name)()
    assert picture._repr_png_().startswith(b"\x89PNG")
