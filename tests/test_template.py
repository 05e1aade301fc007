"""The contest folder that comes with the package: from a checkout, and from a wheel without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO, outfold

from outfold.config.load import load_competition
from outfold.store.input_hashes import data_files
from outfold.template import FILES, is_placeholder, template_names

OWN = [name for name in template_names() if name != "README.md"]


@pytest.mark.parametrize("name", OWN)
def test_the_repository_and_the_package_hold_the_same_files(name: str) -> None:
    if load_competition(REPO / "competition" / "competition.yaml").host != "demo":
        pytest.skip("a fork: its contest is its own")
    same = (REPO / name).read_bytes() == (FILES / name).read_bytes()
    assert same, f"one of them was changed: cp {name} src/outfold/template_files/{name}, or the other way"


def test_the_template_is_whole() -> None:
    parts = {name.partition("/")[0] for name in template_names()}
    assert parts == {"README.md", "competition", "inputs", "notebooks", "pipelines", "submissions"}


def test_git_keeps_the_readme_lines_and_ignores_the_data() -> None:
    kept = ["inputs/README.md", "submissions/README.md", *(f"src/outfold/template_files/{name}" for name in OWN)]
    ignored = ["inputs/a.csv", "inputs/train/b.png", "examples/titanic/inputs/a.csv", "submissions/ledger.csv"]
    ignored += ["examples/titanic/submissions/x.csv", "artifacts/data.json"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *kept, *ignored], cwd=REPO, capture_output=True, text=True
    )
    if done.returncode > 1:
        pytest.skip("no git checkout")
    assert done.stdout.split() == ignored


def test_the_demo_is_written_only_into_an_empty_folder(tmp_path: Path) -> None:
    done = outfold(tmp_path, "demo", str(tmp_path / "new folder"))
    assert "competition/competition.yaml" in done.stdout
    assert "next: `outfold --root '" in done.stdout.splitlines()[-1]
    assert (tmp_path / "new folder" / "notebooks" / "oof.ipynb").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file.txt").write_text("mine")
    for folder, said in (("mine", "is not empty"), ("mine/file.txt", "is a file")):
        refused = outfold(tmp_path, "demo", str(tmp_path / folder), check=False)
        assert refused.returncode == 2
        assert said in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file.txt"]


def test_the_readme_line_is_no_data_of_the_contest(tmp_path: Path, tabular: Path) -> None:
    outfold(tabular, "download")
    before = (tabular / "artifacts" / "data.json").read_text()
    shutil.copy(FILES / "inputs" / "README.md", tabular / "inputs")
    assert is_placeholder(tabular / "inputs" / "README.md")
    said = outfold(tabular, "download").stdout
    assert (tabular / "artifacts" / "data.json").read_text() == before
    assert "README" not in said
    # a README.md of the contest's own is data, and so is one in a folder of its data
    (tabular / "inputs" / "README.md").write_text("About these data")
    (tabular / "inputs" / "more").mkdir()
    shutil.copy(FILES / "inputs" / "README.md", tabular / "inputs" / "more")
    names = {file.name for file in data_files(tabular / "inputs")}
    assert {"README.md", "more/README.md"} <= names


def test_an_empty_folder_with_its_readme_line_counts_as_empty(tmp_path: Path) -> None:
    outfold(tmp_path, "demo", str(tmp_path / "digits"))
    (tmp_path / "digits" / "competition" / "competition.yaml").write_text("host: folder\nslug: x\nid: id\n")
    refused = outfold(tmp_path / "digits", "check", check=False)
    assert refused.returncode == 2
    assert "inputs/ is empty" in refused.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source, installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, source)
    shutil.copytree(REPO / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    quiet = {"capture_output": True, "text": True, "cwd": folder}
    made = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)],
        **quiet,  # type: ignore[call-overload]
    )
    assert made.returncode == 0, made.stderr
    (wheel,) = folder.glob("outfold-*.whl")
    done = subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], **quiet)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    return folder / "site"


def without_checkout(site: Path, here: Path, *words: str) -> str:
    """What the installed command prints, with no checkout on the path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(site)}
    code = "import outfold, sys; assert sys.argv.pop(1) in outfold.__file__; from outfold.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(site), *words], cwd=here, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wheel_writes_the_demo_and_checks_a_contest_without_a_checkout(
    installed: Path, tmp_path: Path, tabular: Path
) -> None:
    without_checkout(installed, tmp_path, "demo", "x")
    written = {path.relative_to(tmp_path / "x").as_posix() for path in (tmp_path / "x").rglob("*") if path.is_file()}
    assert written == set(template_names())
    assert "resnet10t" in without_checkout(installed, tmp_path, "--root", "x", "config")
    without_checkout(installed, tmp_path, "--root", str(tabular), "download")
    assert "check: passed" in without_checkout(installed, tmp_path, "--root", str(tabular), "check")


@pytest.mark.slow
def test_a_wheel_writes_the_report_without_a_checkout(installed: Path, tmp_path: Path, tabular: Path) -> None:
    for path in (tabular / "pipelines").glob("*.yaml"):
        path.unlink()
    (tabular / "pipelines" / "linear.yaml").write_text("learner: linear\nC: [1.0]\n")
    for stage in ("download", "split", "train", "predict", "ensemble"):
        outfold(tabular, stage)
    without_checkout(installed, tmp_path, "--root", str(tabular), "report")
    assert "honest" in (tabular / "artifacts" / "report.html").read_text()
