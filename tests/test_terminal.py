"""What a person sees on a terminal of 60 to 160 columns: rendered by Rich itself."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from outfold.progress import LineReporter
from outfold.progress_layout import lay_out, shortened
from outfold.terminal import RichReporter, clock

TRAINING = {
    "phase": "2/3",
    "epoch": "3/10",
    "loss": "0.1234",
    "lr": "0.0032",
    "img/s": "12345",
    "valid_loss": "0.2345",
    "log_loss": "0.21876",
}
WIDTHS = (60, 80, 120, 160)


def screen(width: int) -> tuple[RichReporter, io.StringIO]:
    file = io.StringIO()
    return RichReporter(Console(file=file, force_terminal=True, width=width, color_system=None)), file


def rendered(width: int, label: str, total: float | None, done: float, fields: dict[str, str]) -> str:
    """The last line of progress that the terminal shows."""
    reporter, file = screen(width)
    with reporter.bar(label, total, "steps") as bar:
        bar.advance(done, **fields)
        assert reporter._live is not None
        file.truncate(0)
        reporter._live.refresh()
        shown = file.getvalue()
    lines = [
        line for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").splitlines() if line.strip()
    ]
    return lines[-1]


@pytest.mark.parametrize("width", WIDTHS)
def test_fold_phase_epoch_step_time_and_score_are_seen(width: int) -> None:
    line = rendered(width, "cnn fold 4", 1250, 320, TRAINING)
    assert cell_len(line) <= width
    for part in ("cnn fold 4", "320/1,250", ":", "2/3", "3/10", "0.21876"):
        assert part in line, line
    if width >= 80:
        assert "phase 2/3" in line
        assert "epoch 3/10" in line
        assert "log_loss 0.21876" in line
        assert " left" in line
        assert "━" in line
    if width >= 120:
        assert "valid_loss 0.2345" in line
    if width >= 160:
        for part in ("loss 0.1234", "lr 0.0032", "img/s 12345"):
            assert part in line


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("label", "score"),
    [
        ("efficientnet-b3-progressive-resizing fold 3", {"mean_columnwise_log_loss": "0.12345"}),
        ("猫の写真 fold 3", {"auc": "0.9"}),
        ("lightgbm fold 3: choosing rounds", {"valid multi_logloss": "0.12345", "train multi_logloss": "0.1"}),
    ],
)
def test_long_names_give_way_before_their_fold_and_score(width: int, label: str, score: dict[str, str]) -> None:
    line = rendered(width, label, 100_000, 99_999, {"phase": "1/3", "epoch": "10/10", **score})
    assert cell_len(line) <= width
    assert "fold 3" in line
    assert "99,999/100,000" in line
    assert next(iter(score.values())) in line


@pytest.mark.parametrize("width", range(1, 200))
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    line = lay_out("cnn fold 4", "320/1,250", "1:23 left", "0:12", TRAINING, width)
    assert len(line.text("━" * line.bar)) <= max(width, len("320/1,250") + 2)


def test_the_bar_shrinks_before_anything_is_left_out() -> None:
    whole = lay_out("cnn fold 4", "320/1,250", "1:23 left", "", TRAINING, 200)
    narrowest = len(whole.text("━" * 4))
    shrunk = lay_out("cnn fold 4", "320/1,250", "1:23 left", "", TRAINING, narrowest)
    assert (whole.bar, shrunk.bar) == (24, 4)
    assert shrunk.fields == whole.fields
    assert "img/s" not in lay_out("cnn fold 4", "320/1,250", "1:23 left", "", TRAINING, narrowest - 1).fields


@pytest.mark.parametrize("width", WIDTHS)
def test_folds_side_by_side_have_a_line_each(width: int) -> None:
    reporter, file = screen(width)
    with reporter.bar("cnn fold 0", 10, "steps") as one, reporter.bar("cnn fold 1", 10, "steps") as other:
        one.advance(3, phase="1/1")
        other.advance(4, phase="1/1")
        assert reporter._live is not None
        file.truncate(0)
        reporter._live.refresh()
        shown = file.getvalue()
    assert "3/10" in shown
    assert "4/10" in shown


def test_an_unknown_end_has_the_time_passed() -> None:
    line = rendered(80, "unpack", None, 3, {})
    assert "left" not in line
    assert "0:00" in line


@pytest.mark.parametrize(
    "name", ["[red]", "[/]", "[link=x]a", ":cat:", "[bold]b[/bold]", "a\\[b", "\x1b[2J\x07", "two\nlines"]
)
def test_names_are_neither_markup_nor_codes_of_the_terminal(name: str) -> None:
    reporter, file = screen(100)
    reporter.note(f"note {name}.")
    reporter.warn(f"warn {name}.")
    reporter.table(f"title {name}.", ["", f"column {name}."], [[f"row {name}.", "1"]])
    with reporter.bar(f"bar {name}.", 10) as bar:
        bar.advance(1, score=name)
        assert reporter._live is not None
        reporter._live.refresh()
    shown = file.getvalue()
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    written = name.replace("\x1b", "\\x1b").replace("\x07", "\\x07")
    for where in ("note", "warn"):
        assert f"{where} {written}." in shown
    one = written.replace("\n", "\\n")
    for where in ("column", "row"):
        assert f"{where} {one}." in shown
    lines = LineReporter(plain := io.StringIO())
    lines.note(name)
    lines.table("", ["a", "b"], [[name, "1"]])
    assert "\x1b" not in plain.getvalue()
    assert len(plain.getvalue().splitlines()) == 3 + written.count("\n")


def table(width: int) -> list[str]:
    reporter, file = screen(width)
    names = ["column", "role", "example", "drift"]
    rows = [["x" * 24, "continuous*", "an example of 24 letters", "0.12"], ["y", "target", "z", "0.5"]]
    reporter.table("columns", names, rows, less=["example", "role"])
    return file.getvalue().splitlines()


def test_a_table_leaves_out_columns_that_do_not_fit_and_says_so() -> None:
    assert "example" in "\n".join(table(80))
    narrow = "\n".join(table(60))
    assert "not shown at 60 columns: example" in narrow
    assert "continuous*" in narrow
    assert "not shown at 40 columns: example, role" in "\n".join(table(40))
    for width in (20, 40, 60, 80):
        assert all(cell_len(line) <= width for line in table(width))


def test_clock_and_shortened() -> None:
    assert [clock(value) for value in (None, 0, 83, 7500)] == ["-:--", "0:00", "1:23", "2:05:00"]
    assert shortened("a-very-long-name fold 12", 16) == "a-very-… fold 12"
    assert shortened("short", 16) == "short"
    assert len(shortened("word " * 20, 10)) == 10
