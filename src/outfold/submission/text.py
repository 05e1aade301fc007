"""The bytes of a CSV file, the same for the same frame."""

from __future__ import annotations

import pandas as pd


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 CSV with a header, ``\\n`` at line ends and no index.

    A float32 is written with as few digits as bring it back exactly, so a file read back and written again is the same.
    """
    return frame.to_csv(index=False, lineterminator="\n").encode("utf-8")
