"""A slug that is an address, a title or nothing is refused in words, with the slug that it contains."""

from __future__ import annotations

from pathlib import Path

import pytest

from outfold.config.load import load_competition
from outfold.errors import ConfigError


def contest(folder: Path, slug: str) -> Path:
    path = folder / "competition.yaml"
    path.write_text(f"host: kaggle\nslug: {slug}\n")
    return path


@pytest.mark.parametrize(
    ("slug", "named"),
    [
        ("https://www.kaggle.com/competitions/titanic", "titanic"),
        ("https://www.kaggle.com/competitions/titanic/", "titanic"),
        ("https://www.kaggle.com/competitions/titanic/data", "titanic"),
        ("https://www.kaggle.com/competitions/titanic/data?select=train.csv", "titanic"),
        ('"https://www.kaggle.com/competitions/titanic#description"', "titanic"),
        ("http://kaggle.com/c/house-prices/overview", "house-prices"),
        ("www.kaggle.com/c/GiveMeSomeCredit", "GiveMeSomeCredit"),
        ("HTTPS://WWW.KAGGLE.COM/c/titanic", "titanic"),
        ("c/titanic", "titanic"),
        ("/competitions/titanic", "titanic"),
        ("competitions/titanic/leaderboard", "titanic"),
        ("titanic/", "titanic"),
        ('" titanic "', "titanic"),
        ('"titanic\\n"', "titanic"),
    ],
)
def test_an_address_is_told_with_the_slug_that_it_contains(tmp_path: Path, slug: str, named: str) -> None:
    path = contest(tmp_path, slug)
    with pytest.raises(ConfigError) as caught:
        load_competition(path)
    said = str(caught.value)
    assert f"{path}:2: slug:" in said
    assert said.splitlines()[0].endswith(f" {named}")
    for odd in ("pattern", "regular expression", "^["):
        assert odd not in said
    contest(tmp_path, named)
    assert load_competition(path).slug == named  # the remedy works


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        ('"Titanic - Machine Learning from Disaster"', "looks like the contest's title"),
        ("https://www.kaggle.com/datasets/uciml/iris", "the address of datasets, not of a contest"),
        ("https://www.kaggle.com/competitions", "without a contest's slug"),
        ("https://www.kaggle.com/", "without a contest's slug"),
        ('""', "it is empty"),
        ('" "', "it is empty"),
        ("-titanic", "is no slug"),
        ("тitanic", "is no slug"),
        ("https://example.com/titanic", "is no slug"),
    ],
)
def test_what_holds_no_slug_says_where_one_is_found(tmp_path: Path, slug: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_competition(contest(tmp_path, slug))
    assert "https://www.kaggle.com/competitions/titanic" in str(caught.value)


@pytest.mark.parametrize("slug", ["titanic", "GiveMeSomeCredit", "playground-series-s5e1", "a_b.c"])
def test_slugs_of_any_case_are_taken(tmp_path: Path, slug: str) -> None:
    assert load_competition(contest(tmp_path, slug)).slug == slug
