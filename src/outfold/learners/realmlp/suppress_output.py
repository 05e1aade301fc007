"""A library that prints, logs, warns and draws from global generators, without any of it."""

from __future__ import annotations

import contextlib
import io
import logging
import random
import warnings
from collections.abc import Iterator

import numpy as np
import torch

_LOGGERS = ("lightning", "lightning.pytorch", "lightning.fabric", "pytorch_lightning", "lightning_fabric")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Within it nothing is printed or logged; after it, generators and torch's threads are as they were."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    drawn, python, threads = np.random.get_state(), random.getstate(), torch.get_num_threads()
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            torch.random.fork_rng(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        np.random.set_state(drawn)
        random.setstate(python)
        torch.set_num_threads(threads)
