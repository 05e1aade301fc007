"""The command line: arguments, progress, exit codes. Thin: every stage is a function in :mod:`outfold.stages`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import outfold
from outfold.exits import exit_code, stop_on_sigterm
from outfold.progress import Reporter
from outfold.redaction import redact_streams
from outfold.threads import pin_threads

if TYPE_CHECKING:
    from outfold.stages.context import Context

app = typer.Typer(
    name="outfold",
    help="From nothing to a checked, sent submission, with out-of-fold numbers that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@dataclass
class Settings:
    """What the options before the stage say."""

    root: Path = Path()
    debug: bool = False


SETTINGS = Settings()
Names = Annotated[list[str] | None, typer.Argument(metavar="[PIPELINE]...", help="Pipelines by name; all if left out.")]


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


def _stage(function: Callable[..., None]) -> Callable[..., None]:
    """A command whose errors are told in words, with the exit code that fits them."""

    @functools.wraps(function)
    def guarded(*args: Any, **options: Any) -> None:
        code = exit_code(lambda: function(*args, **options), SETTINGS.debug)
        if code:
            sys.exit(code)

    return app.command()(guarded)


def _context(reporter: Reporter | None = None) -> Context:
    from outfold.stages.context import Context
    from outfold.terminal import reporter_for

    return Context(SETTINGS.root, reporter or reporter_for())


@_stage
def download() -> None:
    """Bring the contest's files to inputs/, verified."""
    from outfold.stages.download import download as stage

    stage(_context())


@_stage
def split() -> None:
    """Assign every training row to a fold."""
    from outfold.stages.split import split as stage

    stage(_context())


@_stage
def train(
    pipelines: Names = None,
    fold: Annotated[list[int] | None, typer.Option(help="Train this fold alone (repeatable): a quick look.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, envvar="OUTFOLD_JOBS", help="Folds side by side.")] = None,
    devices: Annotated[
        str, typer.Option(envvar="OUTFOLD_DEVICES", help="Where folds are trained, in turn.", metavar="DEVICE,...")
    ] = "",
    processes: Annotated[
        int, typer.Option(min=1, envvar="OUTFOLD_PROCESSES", help="One fold at a time, on so many devices (DDP).")
    ] = 1,
) -> None:
    """Train pipelines on every fold and keep their out-of-fold predictions."""
    from outfold.stages.compute import Compute
    from outfold.stages.in_order import train_in_order
    from outfold.stages.ranks import start_ranks, started_by_torchrun, train_in_ranks

    compute = Compute(jobs, devices.replace(",", " ").split(), processes)
    if processes > 1 and not started_by_torchrun():
        return start_ranks(processes, sys.argv[1:])
    pin_threads()
    context = _context()
    stage = functools.partial(
        train_in_order, context, context.layout.chosen(pipelines), only_folds=fold, compute=compute
    )
    return train_in_ranks(context, compute, stage) if started_by_torchrun() else stage()


@_stage
def predict(pipelines: Names = None) -> None:
    """Predict the test set with every fold and member of the pipelines."""
    from outfold.stages.in_order import predict_in_order as stage

    pin_threads()
    context = _context()
    stage(context, context.layout.chosen(pipelines))


@_stage
def ensemble() -> None:
    """Blend the pipelines, and score the blend honestly."""
    from outfold.stages.ensemble import ensemble as stage

    pin_threads()
    stage(_context())


@_stage
def submit(
    pipeline: Annotated[str, typer.Argument(help="What to send: the blend, or one pipeline.")] = "blend",
    message: Annotated[str | None, typer.Option(help="The message beside the submission.")] = None,
    wait: Annotated[float, typer.Option(help="Wait at most so many seconds for the score.", metavar="SECONDS")] = 300.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build and check the file; send nothing.")] = False,
) -> None:
    """Build the submission file, check it, send it once, and write down its score."""
    from outfold.stages.submit import submit as stage

    stage(_context(), pipeline, message=message, wait_s=wait, dry_run=dry_run)


@_stage
def check(
    fix: Annotated[bool, typer.Option("--fix", help="Move junk images to inputs_junk/; deletes nothing.")] = False,
) -> None:
    """Read the contest, its images and every pipeline, and tell what is in them; trains nothing."""
    from outfold.stages.check import check as stage

    pin_threads()
    stage(_context(), fix=fix)


@_stage
def columns(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """Show each column: its role, its type, what is missing, how the test set differs, and what to distrust."""
    from outfold.stages.columns import columns as stage

    pin_threads()
    if as_json:
        print(stage(_context(Reporter()), as_json=True))
    else:
        stage(_context())


Network = Annotated[str, typer.Argument(metavar="PIPELINE", help="A pipeline with a network.")]


@_stage
def show(
    pipeline: Network,
    to: Annotated[Path | None, typer.Option(help="Where to write the picture.", metavar="FILE")] = None,
    phase: Annotated[int | None, typer.Option(help="The phase, from 1; the last one if left out.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=50, help="Training images, of all classes in turn.")] = 8,
    draws: Annotated[int, typer.Option(min=1, max=20, help="Epochs, in each of which an image is drawn anew.")] = 6,
) -> None:
    """Draw training images with their labels, as they are and as a phase's epochs augment them."""
    from outfold.stages.show import show as stage

    pin_threads()
    stage(_context(), pipeline, to, phase=phase, rows=rows, draws=draws)


@_stage
def summary(pipeline: Network) -> None:
    """Show a network's layers, and what each phase trains, at which rates, at what cost; draw the schedule."""
    from outfold.stages.summary import summary as stage

    pin_threads()
    stage(_context(), pipeline)


@_stage
def lr_find(
    pipeline: Network,
    phase: Annotated[int, typer.Option(help="The phase, from 1; those before it are trained first.")] = 1,
    fold: Annotated[int | None, typer.Option(help="The fold; the first one if left out.")] = None,
) -> None:
    """Suggest learning rates for a phase, and draw what they were read from; changes nothing."""
    from outfold.stages.lr_find import lr_find as stage

    pin_threads()
    stage(_context(), pipeline, phase=phase, fold=fold)


@_stage
def tune(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="The pipeline whose parameters to search.")],
    trials: Annotated[int, typer.Option(min=1, help="Of each search, those of earlier runs included.")] = 50,
    timeout: Annotated[float | None, typer.Option(help="Begin no trial after so long.", metavar="SECONDS")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, envvar="OUTFOLD_JOBS", help="Fits side by side.")] = None,
    inner: Annotated[int, typer.Option(min=2, help="Folds inside each training part.")] = 3,
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
    stage(context, name, Plan(trials, timeout, inner, shared, jobs), output=output, force=force)


@_stage
def report(
    to: Annotated[Path | None, typer.Option(help="Where to write the page; artifacts/report.html if left out.")] = None,
) -> None:
    """Run notebooks/oof.ipynb on this contest and write it as one HTML page."""
    from outfold.stages.report import report as stage

    stage(_context(), to)


@_stage
def config() -> None:
    """Print the contest and the pipelines as they are after all defaults."""
    from outfold.stages.show_config import show_config as stage

    print(stage(_context(Reporter())))


@_stage
def schema(
    to: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(".schemas"),
) -> None:
    """Write JSON Schema files, so that editors complete the YAML."""
    from outfold.stages.show_config import write_schemas as stage
    from outfold.terminal import reporter_for

    stage(to, reporter_for())


@_stage
def doctor() -> None:
    """Show versions, GPU, cores, memory, disk and whether credentials are found (never the credentials)."""
    from outfold.stages.doctor import doctor as stage
    from outfold.terminal import reporter_for

    stage(SETTINGS.root, reporter_for())


def main() -> None:
    """Run the command line and exit: 0 well, 2 what the user can mend, 1 a bug, 130 and 143 stopped."""
    stop_on_sigterm()
    redact_streams()
    app()
