"""report: the notebook, executed on this contest, as one HTML page."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from outfold.errors import OutfoldError
from outfold.redaction import redact
from outfold.runs.context import Context
from outfold.runs.provenance import current_blend
from outfold.store.atomic import write_text
from outfold.template import FILES, NOTEBOOK

_SOURCE = str(Path(__file__).resolve().parents[2])


def report(context: Context, to: Path | None = None) -> Path:
    """Run ``notebooks/oof.ipynb`` and write what it shows as one self-contained HTML page.

    A contest folder without a notebook of its own takes the toolkit's.

    Raises:
        OutOfDateError: the blend is missing or out of date.
        OutfoldError: the notebook packages are not installed, or a cell of the notebook failed.
    """
    current_blend(context)
    # the kernel of this environment, though the user may have others of the same name
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([_SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["OUTFOLD_ROOT"] = str(context.root.resolve())
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise OutfoldError(f"report: {error}", remedy="pip install 'outfold[notebook]'") from None
    path = _notebook(context.root)
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    with context.reporter.bar(f"run {path.name}", len(cells), "cells") as bar:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": str(context.root if FILES in path.parents else path.parent)}},
            extra_arguments=["--IPKernelApp.log_level=40"],
            on_cell_executed=lambda **_: bar.advance(1),
        )
        try:
            client.execute()
        except CellExecutionError as error:
            raise OutfoldError(f"{path}: a cell failed: {error.ename}: {error.evalue}") from None
    exporter = HTMLExporter(
        exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True, embed_images=True
    )
    notebook.metadata["title"] = f"{context.competition.slug}: out-of-fold report"
    body, _ = exporter.from_notebook_node(notebook)
    target = to if to is not None else context.layout.artifacts / "report.html"
    write_text(target, redact(body))
    context.reporter.note(f"report: {target}")
    return target


def _notebook(root: Path) -> Path:
    own = root / NOTEBOOK
    return own if own.exists() else FILES / NOTEBOOK
