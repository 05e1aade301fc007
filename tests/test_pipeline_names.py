"""Names of pipelines reach shells and file systems: odd ones are refused by one rule, whatever the command."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from conftest import TABULAR, outfold, write_contest

from outfold.errors import ConfigError
from outfold.store.paths import Layout, command
from outfold.store.pipeline_names import check_name

ODD = [
    "two words",
    "$(touch owned)",
    "`touch owned`",
    "a;touch owned",
    "it's",
    'a"b',
    "-rf",
    "--help",
    ".",
    "..",
    "...",
    "a.",
    ".hidden",
    "../up",
    "a/b",
    "a\\b",
    "a\nb",
    "a\tb",
    "a:b",
    "a%b",
    "a#b",
    "a=b",
    "a*",
    "modèle",
    "\u202eesrever",
    "\udcff",
    "",
    "x" * 65,
    "x" * 100_000,
    "x.yaml",
    "x.yml",
]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be a pipeline's name\n.*letters a to z, digits") as caught:
        check_name(name, "--output")
    str(caught.value).encode()  # can be printed
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["blend", "Blend", "cache", "tune", "NUL"])
def test_a_reserved_name_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' cannot be a pipeline's name: .*"):
        check_name(name, "--output")


@pytest.mark.parametrize("name", ["cnn", "_", "7", "lgbm-v2.1", "A_b", "x" * 64, "blend2", "con2"])
def test_a_plain_name_is_taken(name: str) -> None:
    check_name(name, "--output")


@pytest.mark.parametrize("stage", ["train", "predict", "ensemble", "submit", "check", "config"])
def test_a_file_with_an_odd_name_stops_every_command(tmp_path: Path, stage: str) -> None:
    for name in ("two words", "$(touch owned)", "a;b", "it's", "-rf", "modèle", "cache"):
        root = write_contest(tmp_path / stage, TABULAR, **{"fine": "learner: gbdt\n", name: "learner: gbdt\n"})
        done = outfold(root, stage, check=False)
        assert done.returncode == 2
        assert f"pipelines/{name}.yaml" in done.stderr and "cannot be a pipeline's name" in done.stderr
        (root / "pipelines" / f"{name}.yaml").unlink()


@pytest.mark.parametrize("stage", ["train", "predict", "submit", "tune", "summary", "lr-find", "show"])
def test_a_command_refuses_an_odd_name_as_its_argument(tmp_path: Path, stage: str) -> None:
    root = write_contest(tmp_path, TABULAR, fine="learner: gbdt\n")
    for name in ("../fine", "two words", "blend.yaml"):
        done = outfold(root, stage, name, check=False)
        assert done.returncode == 2
        assert "cannot be a pipeline's name" in done.stderr and "letters a to z" in done.stderr


def test_other_files_in_the_folder_are_left_alone_and_another_ending_is_told(tmp_path: Path) -> None:
    write_contest(tmp_path, TABULAR, lightgbm="learner: gbdt\n", shallow="learner: gbdt\n")
    folder = tmp_path / "pipelines"
    for name in (".lightgbm.yaml.swp", "._lightgbm.yaml", ".#a b.yaml", "lightgbm.yaml~", "a b.txt", "old.yaml.bak"):
        (folder / name).write_text("")
    assert Layout(tmp_path).pipeline_names() == ["lightgbm", "shallow"]
    (folder / "third.yml").write_text("learner: gbdt\n")
    with pytest.raises(ConfigError, match=r"pipelines/third\.yml: a pipeline's file ends in \.yaml"):
        Layout(tmp_path).pipeline_names()


def test_a_command_in_a_message_is_quoted_for_the_shell(tmp_path: Path) -> None:
    root = tmp_path / "my contest; $(touch owned)'s"
    words = shlex.split(command(root, "train", "cnn"))
    assert words[0:2] == ["outfold", "--root"] and words[3:] == ["train", "cnn"]
    assert (Path.cwd() / words[2]).resolve() == root
