"""The file that is sent: built from outputs in the form that the sample submission asks for, and checked against it."""

from __future__ import annotations

from outfold.submission.build import build
from outfold.submission.check import check
from outfold.submission.contents import csv_bytes
from outfold.submission.form import Form, form_of
from outfold.submission.sample_format import LongRows, SampleFormat

__all__ = ["Form", "LongRows", "SampleFormat", "build", "check", "csv_bytes", "form_of"]
