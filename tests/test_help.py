"""``--help`` at 80 columns, completion of names by the shell, errors in red, and the next step after each command."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conftest import IMAGES, REPO, outfold, write_contest, write_images

from outfold.cli import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def help_of(monkeypatch: pytest.MonkeyPatch, *words: str, columns: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERMINAL_WIDTH", str(columns))
    return outfold(REPO, *words, "--help").stdout


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_whole_at_80_columns_with_examples_and_a_page(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    said = help_of(monkeypatch, *filter(None, [command]))
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "..." not in said.replace("[ARGS]...", "").replace("DEVICE,...", "").replace("[PIPELINE ...]", "")
    assert "[[" not in said
    assert not re.search("<[a-z]", said)  # no types of Python
    (page,) = re.findall(r"^More: docs/(\S+)$", said, re.MULTILINE)
    name, _, anchor = page.partition("#")
    headings = re.findall(r"^#+ (.*)$", (REPO / "docs" / name).read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert not anchor or anchor in anchors
    examples = re.findall(r"^  (outfold .*)$", said, re.MULTILINE)
    assert examples
    for line in examples:
        _, *words = shlex.split(line.partition(">")[0])
        if "--help" not in words:
            parses(words)


def parses(words: list[str]) -> None:
    """The arguments are such as the command takes."""
    group = typer.main.get_command(app)
    with group.make_context("outfold", list(words)) as context:
        rest = [*context._protected_args, *context.args]
        command = group.commands[rest[0]]  # type: ignore[attr-defined]
        command.make_context(rest[0], rest[1:], parent=context)


def test_every_command_has_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = help_of(monkeypatch).partition("Commands:")[2].partition("Example")[0]
    lines = [line for line in listed.splitlines() if line.strip()]
    assert sorted(line.split()[0] for line in lines) == COMMANDS


def test_several_pipelines_are_readable_in_the_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "outfold train [OPTIONS] [PIPELINE ...]\n" in help_of(monkeypatch, "train")
    assert "outfold show [OPTIONS] PIPELINE\n" in help_of(monkeypatch, "show")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("outfold --root {root} train ", {"lightgbm", "shallow"}),
        ("outfold --root {root} train sh", {"shallow"}),
        ("outfold --root {root} submit b", {"blend"}),
        ("outfold --root {root} tu", {"tune"}),
    ],
)
def test_the_shell_completes_commands_and_pipelines(tabular: Path, words: str, completed: set[str]) -> None:
    words = words.format(root=shlex.quote(str(tabular)))
    environment = {
        **os.environ,
        "_OUTFOLD_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(shlex.split(words)) - (0 if words.endswith(" ") else 1)),
        "PYTHONPATH": str(REPO / "src"),
    }
    code = "import sys; sys.argv[0] = 'outfold'; from outfold.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert set(done.stdout.split()) == completed


def on_a_terminal(root: Path, stage: str = "split", **environment: str) -> str:
    """What a command prints where there is no contest, on a terminal of its own."""
    ours, theirs = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    variables |= {"TERM": "xterm-256color", "PYTHONPATH": str(REPO / "src"), "COLUMNS": "80", **environment}
    words = [sys.executable, "-m", "outfold", "--root", str(root), stage]
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, env=variables)
    os.close(theirs)
    said = b""
    try:
        while data := os.read(ours, 4096):
            said += data
    except OSError:
        pass  # Linux reports the closed terminal so
    process.wait()
    os.close(ours)
    return said.decode()


def test_an_error_is_red_on_a_terminal_unless_colours_are_refused(tmp_path: Path) -> None:
    assert "\x1b[1;31merror: " in on_a_terminal(tmp_path)
    assert "\x1b[1;31mError: No such command" in on_a_terminal(tmp_path, "splitt")
    plain = on_a_terminal(tmp_path, NO_COLOR="1")
    assert "error: " in plain
    assert "31m" not in plain
    piped = outfold(tmp_path, "split", check=False).stderr
    assert "error: " in piped
    assert "\x1b" not in piped


def last(said: str) -> str:
    return said.strip().splitlines()[-1]


def test_the_last_line_of_each_command_leads_to_the_end_of_the_chain(tabular: Path) -> None:
    said = outfold(tabular, "doctor").stdout
    ran = []
    while (found := re.match(r"next: `outfold --root \S+ ([^`]+)`", last(said))) is not None and len(ran) < 12:
        words = shlex.split(found[1])
        ran.append(words[0])
        if words[0] == "report":
            break
        said = outfold(tabular, *words).stdout
    assert ran == ["download", "check", "split", "train", "predict", "ensemble", "submit", "report"]
    for words in (["columns"], ["submit", "--dry-run"], ["schema", "--to", str(tabular / "schemas")], ["doctor"]):
        assert last(outfold(tabular, *words).stdout).startswith("next: ")
    (tabular / "pipelines" / "another.yaml").write_text("learner: linear\nC: [1.0]\n")
    assert "train another`" in last(outfold(tabular, "check").stdout)


def test_commands_on_a_network_name_it_in_the_next_step(tmp_path: Path) -> None:
    write_images(tmp_path, rows=30)
    net = "learner: image\nmodel: resnet10t\nweights: none\nsize: 32\nphases: [{train: all, epochs: 1, lr: 1e-3}]\n"
    write_contest(tmp_path, IMAGES, net=net)
    outfold(tmp_path, "download")
    outfold(tmp_path, "split")
    assert "train net`" in last(outfold(tmp_path, "summary", "net").stdout)
    whole = (tmp_path / "artifacts" / "net" / "summary.txt").read_text()
    assert "GFLOP an image" in whole
    assert "kind" in whole
