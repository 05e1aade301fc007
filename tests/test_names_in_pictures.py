"""Text in pictures is text: no name is taken for a formula, breaks a line, or makes a drawing fail or warn."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context

from outfold.learners.explain.shap_values import write_shap
from outfold.learners.image.contact_sheet import ContactSheet, draw_sheet
from outfold.learners.tabular.embedding_tables import draw_vectors
from outfold.plain_text import label
from outfold.plots import bars, drawing, in_legend, new_figure, save

ODD = [
    "from $5 to $10",
    "$x_$",
    r"$\frac{$",
    r"$^$ \alpha",
    r"\$a$b$",
    "$$",
    "a_b^c\\d",
    "%$#{}&~",
    "_hidden",
    "two\nlines\tand\ra return",
    "<script>alert(1)</script>",
    "猫 😀 قط",
    "null\x00 bell\x07 escape\x1b[31m",
    "surrogate\udcff",
    "long" * 200,
    "",
    " ",
]


@pytest.fixture(autouse=True)
def no_warning() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", ODD)
def test_bars_titles_and_axes(tmp_path: Path, name: str) -> None:
    values = {name: 1.0, "b": 2.0}
    bars(tmp_path / "bars.png", values, title=f"{name}: scores", xlabel="x", errors=dict.fromkeys(values, 0.1))
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_every_other_picture(tmp_path: Path) -> None:
    names = [name for name in ODD if "\udcff" not in name]  # which a table cannot hold
    levels = ["", *names]
    table = pd.DataFrame({"level": levels, "rows": range(len(levels))}).assign(
        **{f"v{i}": np.linspace(i, 1, len(levels)) for i in range(3)}
    )
    draw_vectors(dict.fromkeys(ODD[:4], table), ODD[0], tmp_path / "vectors.png")
    images = np.zeros((len(ODD), 2, 8, 8, 3), np.uint8)
    draw_sheet(ContactSheet(images=images, ids=ODD, labels=ODD[::-1]), ODD[1], tmp_path / "sheet.png")
    sizes = {0: np.random.default_rng(0).normal(size=(5, len(names), len(names)))}
    write_shap(sizes, np.zeros((5, len(names))), names, names, tmp_path, title=names[2])
    assert all((tmp_path / f"{name}.png").exists() for name in ("vectors", "sheet", "shap"))


@pytest.mark.parametrize("name", ["cost in $", "from $5 to $10", r"\$"])
def test_dollar_signs_are_drawn_as_they_are(tmp_path: Path, name: str) -> None:
    figure = new_figure(4, 2)
    title = figure.subplots().set_title(name)
    save(figure, tmp_path / "picture.png")
    assert title._preprocess_math(title.get_text()) == (name, False)


def test_powers_of_ten_on_a_logarithmic_axis_stay_set_as_such(tmp_path: Path) -> None:
    with drawing():
        figure = new_figure(4, 3)
        axes = figure.subplots()
        axes.plot([1e-5, 1], [1, 2])
        axes.set_xscale("log")
        save(figure, tmp_path / "log.png")
    texts = [text for text in axes.get_xticklabels() if text.get_text()]
    assert texts
    for text in texts:
        assert text._preprocess_math(text.get_text())[1] is True


def test_a_user_who_draws_with_latex_needs_none_here(tmp_path: Path) -> None:
    with rc_context({"text.usetex": True}):
        bars(tmp_path / "bars.png", {"a_b": 1.0}, title="x_y", xlabel="z")


def test_a_label_is_one_line_of_bounded_length() -> None:
    for name, most in itertools.product(ODD, (10, 40)):
        shown = label(name, most)
        assert len(shown) <= most
        assert shown == "" or shown.isprintable()
    assert label("a" * 50, 10) == "aaaaaaaaa…"
    assert label("two\n lines") == "two lines"
    assert in_legend("_private") == " _private"
