"""The command line: arguments, progress, exit codes. Thin: every stage is a function in :mod:`outfold.stages`."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import outfold
from outfold.command_help import HelpfulCommand, HelpfulGroup
from outfold.exit_codes import INTERRUPTED, end_with_parent, exit_code, say, stop_on_sigterm
from outfold.threads import pin_threads

if TYPE_CHECKING:
    from outfold.progress import Reporter
    from outfold.runs.context import Context

app = typer.Typer(
    name="outfold",
    help="From nothing to a checked, sent submission, with out-of-fold numbers that can be trusted.",
    no_args_is_help=True,
    cls=HelpfulGroup,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@dataclass
class Settings:
    """What the options before the stage say."""

    root: Path = Path()
    debug: bool = False


SETTINGS = Settings()


def _pipelines(context: typer.Context, incomplete: str) -> list[str]:
    """Names of pipelines for the shell's completion."""
    root = context.parent.params.get("root") if context.parent is not None else None
    names = sorted(path.stem for path in (Path(root or ".") / "pipelines").glob("*.yaml"))
    return [name for name in names if name.startswith(incomplete) and name != "blend"]


def _sendable(context: typer.Context, incomplete: str) -> list[str]:
    """The same, and the blend."""
    return [name for name in ("blend", *_pipelines(context, "")) if name.startswith(incomplete)]


Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="PIPELINE", help="Pipelines by name; all if left out.", autocompletion=_pipelines),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"outfold {outfold.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    root: Annotated[Path, typer.Option(help="The contest's folder.", metavar="DIR")] = Path(),
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    SETTINGS.root, SETTINGS.debug = root, debug


def _stage(summary: str, *examples: str, page: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose errors are told in words, with the exit code that fits them.

    Args:
        summary: one line for the list of commands, of at most 66 characters.
        examples: command lines for its help.
        page: of the documentation.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*args: Any, **options: Any) -> None:
            from outfold.redaction import redact_streams  # here, so that --help starts fast

            redact_streams()
            code = exit_code(lambda: function(*args, **options), SETTINGS.debug, SETTINGS.root)
            if code:
                sys.exit(code)

        name = function.__name__.rstrip("_").replace("_", "-")  # import_ is the command import
        look = type("Command", (HelpfulCommand,), {"examples": examples, "page": page})
        return app.command(name, cls=look, short_help=summary)(guarded)

    return register


def _context(reporter: Reporter | None = None) -> Context:
    from outfold.runs.context import Context
    from outfold.terminal import reporter_for

    return Context(SETTINGS.root, reporter or reporter_for())


def _tell_next(context: Context, done: str, *names: str) -> None:
    from outfold.runs.next_step import tell_next

    tell_next(context.root, context.reporter, done, names)


@_stage("Bring the contest's files to inputs/, verified.", "outfold download", page="hosts.md#kaggle-download")
def download() -> None:
    """Bring the contest's files to inputs/, verified."""
    from outfold.stages.download import download as stage

    stage(context := _context())
    _tell_next(context, "download")


@_stage("Assign every training row to a fold.", "outfold split", page="trust.md#nine-kinds-of-folds")
def split() -> None:
    """Assign every training row to a fold."""
    from outfold.stages.split import split as stage

    stage(context := _context())
    _tell_next(context, "split")


@_stage(
    "Train pipelines on every fold, keep out-of-fold predictions.",
    "outfold train",
    "outfold train cnn lightgbm --jobs 2",
    "outfold train cnn --fold 0",
    page="training.md",
)
def train(
    pipelines: Names = None,
    fold: Annotated[
        list[int] | None, typer.Option(metavar="FOLD", help="Train this fold alone (repeatable): a quick look.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", envvar="OUTFOLD_JOBS", help="Folds side by side.")
    ] = None,
    devices: Annotated[
        str, typer.Option(envvar="OUTFOLD_DEVICES", help="Where folds are trained, in turn.", metavar="DEVICE,...")
    ] = "",
    processes: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", envvar="OUTFOLD_PROCESSES", help="One fold at a time, on so many devices (DDP)."
        ),
    ] = 1,
) -> None:
    """Train pipelines on every fold and keep their out-of-fold predictions."""
    from outfold.runs.compute import Compute
    from outfold.runs.parallel.ddp_launcher import start_ranks, started_by_torchrun, train_in_ranks
    from outfold.stages.pipeline_order import train_in_order

    compute = Compute(jobs, devices.replace(",", " ").split(), processes)
    if processes > 1 and not started_by_torchrun():
        return start_ranks(processes, sys.argv[1:])
    pin_threads()
    context = _context()
    stage = functools.partial(
        train_in_order, context, context.layout.chosen(pipelines), only_folds=fold, compute=compute
    )

    def train_and_tell() -> None:
        stage()
        _tell_next(context, "train")

    return train_in_ranks(context, compute, train_and_tell) if started_by_torchrun() else train_and_tell()


@_stage(
    "Predict the test set with every fold and member.",
    "outfold predict",
    "outfold predict lightgbm",
    page="trust.md#what-travels-with-a-prediction",
)
def predict(pipelines: Names = None) -> None:
    """Predict the test set with every fold and member of the pipelines."""
    from outfold.stages.pipeline_order import predict_in_order as stage

    pin_threads()
    context = _context()
    stage(context, context.layout.chosen(pipelines))
    _tell_next(context, "predict")


@_stage(
    "Add predictions made elsewhere as a member, checked.",
    "outfold import friend --oof oof.csv --test test.csv",
    page="trust.md#predictions-made-elsewhere",
)
def import_(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new pipeline.")],
    oof: Annotated[Path, typer.Option(help="Out-of-fold predictions: CSV, Parquet or Feather.", metavar="FILE")],
    test: Annotated[Path, typer.Option(help="Test predictions, likewise.", metavar="FILE")],
    same_folds: Annotated[
        bool, typer.Option("--same-folds", help="The OOF file has no fold column; its folds are those of this contest.")
    ] = False,
) -> None:
    """Check predictions made elsewhere, score them, and add them as a pipeline that is blended."""
    from outfold.stages.import_predictions import import_predictions as stage

    pin_threads()
    stage(_context(), name, oof, test, same_folds=same_folds)


@_stage(
    "Blend the pipelines, and score the blend honestly.",
    "outfold ensemble",
    page="trust.md#the-blend-and-its-honest-score",
)
def ensemble() -> None:
    """Blend the pipelines, and score the blend honestly."""
    from outfold.stages.ensemble import ensemble as stage

    pin_threads()
    stage(context := _context())
    _tell_next(context, "ensemble")


@_stage(
    "Build, check and send the file once; record its score.",
    "outfold submit --dry-run",
    "outfold submit",
    'outfold submit lightgbm --message "one model"',
    page="hosts.md#kaggle-submit",
)
def submit(
    pipeline: Annotated[
        str,
        typer.Argument(metavar="PIPELINE", help="What to send: the blend, or one pipeline.", autocompletion=_sendable),
    ] = "blend",
    message: Annotated[str | None, typer.Option(help="The message beside the submission.", metavar="TEXT")] = None,
    wait: Annotated[float, typer.Option(help="Wait at most so many seconds for the score.", metavar="SECONDS")] = 300.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build and check the file; send nothing.")] = False,
) -> None:
    """Build the submission file, check it, send it once, and write down its score."""
    from outfold.stages.submit import submit as stage

    stage(context := _context(), pipeline, message=message, wait_s=wait, dry_run=dry_run)
    _tell_next(context, "submit")


@_stage(
    "Read contest, images and pipelines; say what is wrong.",
    "outfold check",
    "outfold check --fix",
    page="vision.md#outfold-check",
)
def check(
    fix: Annotated[bool, typer.Option("--fix", help="Move junk images to inputs_junk/; deletes nothing.")] = False,
) -> None:
    """Read the contest, its images and every pipeline, and tell what is in them; trains nothing."""
    from outfold.stages.check import check as stage

    pin_threads()
    stage(context := _context(), fix=fix)
    _tell_next(context, "check")


@_stage(
    "Show each column: role, type, gaps, drift, what to distrust.",
    "outfold columns",
    "outfold columns --json > columns.json",
    page="tables.md#columns",
)
def columns(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """Show each column: its role, its type, what is missing, how the test set differs, and what to distrust."""
    from outfold.progress import Reporter
    from outfold.stages.columns import columns as stage

    pin_threads()
    if as_json:
        print(stage(_context(Reporter()), as_json=True))
    else:
        stage(context := _context())
        _tell_next(context, "columns")


Network = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="A pipeline with a network.", autocompletion=_pipelines)
]


@_stage(
    "Draw training images as a phase augments them.",
    "outfold show cnn --phase 2 --rows 8",
    page="training.md#looking-before-training",
)
def show(
    pipeline: Network,
    to: Annotated[Path | None, typer.Option(help="Where to write the picture.", metavar="FILE")] = None,
    phase: Annotated[int | None, typer.Option(metavar="N", help="The phase, from 1; the last one if left out.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=50, metavar="N", help="Training images, of all classes in turn.")] = 8,
    draws: Annotated[int, typer.Option(min=1, max=20, metavar="N", help="Epochs: each draws every image again.")] = 6,
) -> None:
    """Draw training images with their labels, as they are and as a phase's epochs augment them."""
    from outfold.stages.show import show as stage

    pin_threads()
    stage(context := _context(), pipeline, to, phase=phase, rows=rows, draws=draws)
    _tell_next(context, "show", pipeline)


@_stage(
    "Show a network's layers, phases, rates and cost.",
    "outfold summary cnn",
    page="training.md#looking-before-training",
)
def summary(pipeline: Network) -> None:
    """Show a network's layers, and what each phase trains, at which rates, at what cost; draw the schedule."""
    from outfold.stages.summary import summary as stage

    pin_threads()
    stage(context := _context(), pipeline)
    _tell_next(context, "summary", pipeline)


@_stage(
    "Suggest learning rates for a phase; changes nothing.",
    "outfold lr-find cnn --phase 2",
    page="training.md#looking-before-training",
)
def lr_find(
    pipeline: Network,
    phase: Annotated[int, typer.Option(metavar="N", help="The phase, from 1; those before it are trained first.")] = 1,
    fold: Annotated[int | None, typer.Option(metavar="FOLD", help="The fold; the first one if left out.")] = None,
) -> None:
    """Suggest learning rates for a phase, and draw what they were read from; changes nothing."""
    from outfold.stages.lr_find import lr_find as stage

    pin_threads()
    stage(context := _context(), pipeline, phase=phase, fold=fold)
    _tell_next(context, "lr-find", pipeline)


@_stage(
    "Search parameters inside each fold; write a new pipeline.",
    "outfold tune lightgbm --trials 100 --jobs 4",
    page="tuning.md",
)
def tune(
    pipeline: Annotated[
        str,
        typer.Argument(metavar="PIPELINE", help="The pipeline to search parameters for.", autocompletion=_pipelines),
    ],
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of each search, those of earlier runs included.")
    ] = 50,
    timeout: Annotated[float | None, typer.Option(help="Begin no trial after so long.", metavar="SECONDS")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", envvar="OUTFOLD_JOBS", help="Fits side by side.")
    ] = None,
    inner: Annotated[int, typer.Option(min=2, metavar="N", help="Folds inside each training part.")] = 3,
    shared: Annotated[
        bool, typer.Option("--shared", help="One search for all folds: cheap, a little flattered.")
    ] = False,
    output: Annotated[
        str | None, typer.Option(help="The new pipeline; NAME-tuned if left out.", metavar="NAME")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace its file whoever has written it.")] = False,
) -> None:
    """Search parameters inside each fold's training part (Optuna), and write them as a new pipeline."""
    from outfold.stages.tune import Plan
    from outfold.stages.tune import tune as stage

    pin_threads()
    context = _context()
    (name,) = context.layout.chosen([pipeline])
    written = stage(context, name, Plan(trials, timeout, inner, shared, jobs), output=output, force=force)
    if written is not None:
        _tell_next(context, "tune", written.stem)


@_stage(
    "Write scores, weights and worst rows as one HTML page.",
    "outfold report",
    "outfold report --to page.html",
    page="fork.md#the-python-api",
)
def report(
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the page; artifacts/report.html if left out.")
    ] = None,
) -> None:
    """Run notebooks/oof.ipynb on this contest and write it as one HTML page."""
    from outfold.stages.report import report as stage

    stage(context := _context(), to)
    _tell_next(context, "report")


@_stage(
    "Write a contest folder with the demo, to try or to edit.",
    "outfold demo digits",
    "outfold --root digits check",
    page="hosts.md#the-demo",
)
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or is empty.")],
) -> None:
    """Write a contest folder: the demo's contest, pipelines and notebook, to try or to edit."""
    from outfold.runs.next_step import tell_next
    from outfold.template import write_template
    from outfold.terminal import reporter_for

    reporter = reporter_for()
    names = write_template(folder)
    reporter.note(f"demo: {len(names)} files in {folder}: {', '.join(names)}")
    tell_next(folder, reporter, "demo")


@_stage("Print the contest and the pipelines after all defaults.", "outfold config", page="configuration.md")
def config() -> None:
    """Print the contest and the pipelines as they are after all defaults."""
    from outfold.progress import Reporter
    from outfold.stages.show_config import show_config as stage

    print(stage(_context(Reporter())))


@_stage("Write JSON Schema files, so that editors complete YAML.", "outfold schema", page="configuration.md")
def schema(
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder, from the contest's.")] = Path("schemas"),
) -> None:
    """Write JSON Schema files, so that editors complete the YAML."""
    from outfold.runs.next_step import tell_next
    from outfold.stages.show_config import write_schemas as stage
    from outfold.terminal import reporter_for

    stage(SETTINGS.root / to, reporter := reporter_for(), SETTINGS.root)
    tell_next(SETTINGS.root, reporter, "schema")


@_stage(
    "Show versions, GPU, memory, disk, and where credentials are.", "outfold doctor", page="hosts.md#kaggle-credentials"
)
def doctor() -> None:
    """Show versions, GPU, cores, memory, disk and whether credentials are found (never the credentials)."""
    from outfold.runs.next_step import tell_next
    from outfold.stages.doctor import doctor as stage
    from outfold.terminal import reporter_for

    stage(SETTINGS.root, reporter := reporter_for())
    tell_next(SETTINGS.root, reporter, "doctor")


def main() -> None:
    """Run the command line and exit: 0 well, 2 what the user can mend, 1 a bug, 130 and 143 stopped."""
    end_with_parent()
    stop_on_sigterm()
    try:
        code = app(standalone_mode=False)
    except _WRONG_ARGUMENTS as error:
        text = io.StringIO()
        error.show(text)
        usage, found, words = text.getvalue().rstrip().rpartition("Error: ")
        say(usage.rstrip()) if usage else None
        say(f"{found}{words}")
        code = error.exit_code
    except typer.Abort:
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


_WRONG_ARGUMENTS: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What Typer raises for arguments that it does not take; its own name for it differs from version to version."""
