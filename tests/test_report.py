"""The notebook runs, and the report is one page with pictures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import IMAGES, outfold, write_contest, write_images

from outfold.analysis.workspace import Workspace
from outfold.redaction import HIDDEN
from outfold.runs.context import Context
from outfold.stages.download import download
from outfold.stages.ensemble import ensemble
from outfold.stages.predict import predict
from outfold.stages.report import report
from outfold.stages.split import split
from outfold.stages.train import train


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


MARKUP = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "[red]from $5 to $10[/]")


def test_the_report_of_a_table(tmp_path: Path) -> None:
    """Classes, ids, columns and files may be named in markup: it is shown, and neither run nor taken for a formula."""
    root, rng = tmp_path / "con <b>test</b> [/] $x_$", np.random.default_rng(0)
    inputs = root / "inputs"
    inputs.mkdir(parents=True)
    frame = pd.DataFrame(rng.normal(size=(150, 2)), columns=["<b>a</b>$x_$", "b_$^$"])
    frame.insert(0, "<i>id</i>", [f"<u onclick=alert(3)>{number}" for number in range(len(frame))])
    kind = np.digitize(frame["<b>a</b>$x_$"], [-0.5, 0.5])
    frame["<s>kind</s>"] = np.array(MARKUP)[np.where(rng.random(150) < 0.2, rng.integers(0, 3, 150), kind)]
    frame[:120].to_csv(inputs / "<em>train.csv", index=False)
    frame[120:].drop(columns="<s>kind</s>").to_csv(inputs / "test.csv", index=False)
    frame[120:].drop(columns=["<b>a</b>$x_$", "b_$^$"]).to_csv(inputs / "sample_submission.csv", index=False)
    contest = "host: folder\nslug: odd\ntrain: <em>train.csv\ntest: test.csv\nid: <i>id</i>\n"
    contest += "target: <s>kind</s>\nfolds: {n: 3}\n"
    write_contest(
        root, contest, lightgbm="learner: gbdt\nrounds: 10\nearly_stopping: 0\n", linear="learner: linear\nC: [1.0]\n"
    )
    finish(root)
    said = outfold(root, "report", "--to", str(root / "page.html")).stdout
    assert "page.html" in said
    page = (root / "page.html").read_text()
    assert "honest" in page
    for markup in (*MARKUP[:2], "<u onclick", "<i>id</i>", "<b>a</b>"):
        assert markup not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;u onclick=alert(3)&gt;" in page
    worst = page[page.index("The worst rows") :]
    assert "&lt;b&gt;a&lt;/b&gt;$x_$" in worst[: worst.index("</table>")]
    assert HIDDEN not in page
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        assert "tex2jax_ignore" in page[page.index(table) - 120 : page.index(table)]
    looks = Workspace(root).looks()
    assert {name: [path.name for path in paths] for name, paths in looks.items()} == {
        "lightgbm": ["shap.png"],
        "linear": ["importance.png"],
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
