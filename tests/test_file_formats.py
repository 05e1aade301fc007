"""A table is known by its first bytes: packed ones are read, other formats named with a way to a table."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import re
import socket
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from outfold.data.reading import file_bytes
from outfold.data.reading.tables import column_names, read_table
from outfold.errors import DataError

FRAME = pd.DataFrame({"id": [1, 2, 3], "a": [1.5, 2.5, 3.5], "c": ["red", "blue", "red"]})
CSV = FRAME.to_csv(index=False).encode()


def _zip(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def _columnar(kind: str) -> bytes:
    out = io.BytesIO()
    (FRAME.to_feather if kind == "feather" else FRAME.to_parquet)(out)
    return out.getvalue()


READ = {
    "gzip": gzip.compress(CSV),
    "bzip2": bz2.compress(CSV),
    "xz": lzma.compress(CSV),
    "zstd": pa.compress(CSV, codec="zstd", asbytes=True),
    "zip": _zip(("train.csv", CSV), ("__MACOSX/._train.csv", b"junk")),
    "feather": _columnar("feather"),
    "parquet": _columnar("parquet"),
}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "train"])
def test_what_holds_a_table_is_read_under_any_name(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(READ[kind])
    assert column_names(path) == list(FRAME.columns)
    assert read_table(path).frame.astype(str).equals(FRAME.astype(str))


def test_a_csv_that_is_called_gz_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(CSV)
    assert len(read_table(path).frame) == 3


def _sqlite() -> bytes:
    base = sqlite3.connect(":memory:")
    FRAME.to_sql("t", base)
    return base.serialize()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("train.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    return out.getvalue()


def _npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, x=np.ones(3))
    return out.getvalue()


REFUSED = {
    "a web page (HTML)": (b"\xef\xbb\xbf<div>404</div>\n", "sign in"),
    "a web page": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "sign in"),
    "JSON;": (FRAME.to_json(orient="records").encode(), "read_json"),
    "JSON; by columns": (FRAME.to_json().encode(), "read_json"),
    "JSON lines": (FRAME.to_json(orient="records", lines=True).encode(), "lines=True"),
    "a pickle": (pickle.dumps(FRAME), "read_pickle"),
    "an Excel workbook": (_zip(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>")), "CSV"),
    "an Excel workbook of the old kind": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, "CSV"),
    "a SQLite database": (_sqlite(), "sqlite3"),
    "a tar archive": (_tar(), "tar xf"),
    "a tar archive, gzip": (gzip.compress(_tar()), "tar xf"),
    "arrays of NumPy": (_npz(), "CSV"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "a PDF": (b"%PDF-1.4\n", "Name the file"),
    "a JPEG image": (b"\xff\xd8\xff\xe0" + b"\0" * 100, "Name the file"),
    "gzip within gzip": (gzip.compress(gzip.compress(CSV)), "twice"),
    "gzip around a Parquet": (gzip.compress(_columnar("parquet")), "Unpack it"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_other_formats_are_named_with_a_remedy(tmp_path: Path, kind: str, name: str) -> None:
    content, remedy = REFUSED[kind]
    path = tmp_path / name
    path.write_bytes(content)
    for read in (read_table, column_names):
        with pytest.raises(DataError) as caught:
            read(path)
        error = caught.value
        packed = name == "train.parquet" and content[:2] in (b"\x1f\x8b", b"PK")
        assert packed or (re.split("[;,]", kind)[0] in error.message and remedy in (error.remedy or ""))
        assert str(path) in error.message and error.remedy


@pytest.mark.parametrize("kind", ["JSON;", "JSON lines", "a pickle"])
def test_the_command_that_makes_a_table_of_another_format_works(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(REFUSED[kind][0])
    with pytest.raises(DataError) as caught:
        read_table(path)
    command = re.search("`python (.*)`", caught.value.remedy or "")
    assert command is not None
    subprocess.run(f"{sys.executable} {command[1]}", shell=True, check=True)
    assert read_table(tmp_path / "train.csv.csv").frame.astype(str).equals(FRAME.astype(str))


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zip"])
def test_a_packed_table_cut_short_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(READ[kind][:-12])
    with pytest.raises(DataError, match=f"the {kind} file is cut short or damaged"):
        read_table(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: _zip(("a.csv", data))])
def test_a_packed_table_that_grows_beyond_its_bound_is_refused(tmp_path: Path, monkeypatch, pack) -> None:
    monkeypatch.setattr(file_bytes, "ALWAYS_ALLOWED", 1 << 20)
    monkeypatch.setattr(file_bytes, "_CHUNK", 1 << 16)
    path = tmp_path / "train.csv"
    path.write_bytes(pack(b"id,a\n" + b"1,1\n" * 3_000_000))
    with pytest.raises(DataError, match="unpack to more than") as caught:
        read_table(path)
    assert "unpack it yourself" in (caught.value.remedy or "")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    fifo, link, folder = tmp_path / "fifo.csv", tmp_path / "link.csv", tmp_path / "folder.csv"
    endless, device, lost = tmp_path / "endless.csv", tmp_path / "device.csv", tmp_path / "lost.csv"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    folder.mkdir()
    endless.symlink_to(endless)
    device.symlink_to("/dev/zero")
    lost.symlink_to(tmp_path / "gone.csv")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket.csv"))
    kinds = {
        fifo: "a FIFO",
        link: "a FIFO",
        folder: "a folder",
        endless: "cannot be read",
        device: "a device",
        lost: "a link to .*gone.csv, which is not there",
        tmp_path / "socket.csv": "a socket",
    }
    for path, kind in kinds.items():
        with pytest.raises(DataError, match=f"{path.name}: .*{kind}"):
            read_table(path)
    listening.close()
