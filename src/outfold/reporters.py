"""The reporter that suits an output stream."""

from __future__ import annotations

import sys
from typing import TextIO

from outfold.progress import LineReporter, Reporter


def reporter_for(stream: TextIO | None = None) -> Reporter:
    """Bars where a person watches a terminal, lines everywhere else."""
    stream = stream if stream is not None else sys.stdout
    if not stream.isatty():
        return LineReporter(stream)
    from outfold.terminal import RichReporter  # here, since Rich takes 60 ms to import

    return RichReporter()
