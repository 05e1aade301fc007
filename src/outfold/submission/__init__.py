"""Submission files: built in the sample submission's form, and checked."""

from __future__ import annotations

from outfold.data.loading.sample_format import LongRows, SampleFormat
from outfold.submission.build import build
from outfold.submission.check import check
from outfold.submission.contents import csv_bytes
from outfold.submission.form import Form, form_of

__all__ = ["Form", "LongRows", "SampleFormat", "build", "check", "csv_bytes", "form_of"]
