"""Unpacking what a stranger packed."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kaggle_server import Heard, zipped

from outfold.errors import DataError
from outfold.hosts.zip_files import Limits, NoRoom, unpack
from outfold.progress import Reporter

NAMES = st.text("abcdefghijklmnop", min_size=1, max_size=6)


def packed(tmp_path: Path, data: bytes, name: str = "data.zip") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def came_out(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def tarred(members: list[tarfile.TarInfo], data: bytes = b"", mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for member in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return out.getvalue()


def linked(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@settings(max_examples=25, deadline=None)
@given(files=st.dictionaries(st.tuples(NAMES, NAMES).map("/".join), st.binary(max_size=2000), min_size=1, max_size=6))
def test_what_was_packed_comes_out_and_is_hashed(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive, into = packed(Path(folder), zipped(files)), Path(folder) / "out"
        listed, removed = unpack(archive, into, Reporter())
        assert came_out(into) == files
        assert {name: facts.sha256 for name, facts in listed.items()} == {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        }
        assert removed == []


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "//evil", "..\\evil", "a\\..\\..\\evil", "C:\\evil", "c:evil", ".."]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "zip":
        archive = packed(tmp_path, zipped({"good.csv": b"1", name: b"evil"}))
    else:
        archive = packed(tmp_path, tarred([tarfile.TarInfo(name)], b"evil"), "data.tar.gz")
    with pytest.raises(DataError, match="leads out of its folder"):
        unpack(archive, tmp_path / "a" / "b" / "out", Reporter())
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("innocent.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"'innocent\.csv', which is a link"):
        unpack(packed(tmp_path, out.getvalue()), tmp_path / "out", Reporter())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_a_device_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    archive = packed(tmp_path, tarred([linked("innocent", kind, "/etc/passwd")]), "data.tgz")
    with pytest.raises(DataError, match="a link or a device"):
        unpack(archive, tmp_path / "out", Reporter())


def test_a_bomb_is_refused_before_it_is_written(tmp_path: Path) -> None:
    archive = packed(tmp_path, zipped({"zeros": bytes(20_000_000)}))
    with pytest.raises(DataError, match="no honest archive"):
        unpack(archive, tmp_path / "out", Reporter(), limits=Limits(ratio=50, floor=1_000_000))
    assert not (tmp_path / "out" / "zeros").exists()


def test_a_bomb_within_an_archive_is_measured_by_the_outermost(tmp_path: Path) -> None:
    archive = packed(tmp_path, zipped({f"{i}.zip": zipped({f"zeros{i}": bytes(900_000)}) for i in range(8)}))
    with pytest.raises(DataError, match="no honest archive"):
        unpack(archive, tmp_path / "out", Reporter(), limits=Limits(ratio=10, floor=3_000_000))


@pytest.mark.parametrize("ending", [".csv.gz", ".tar.gz"])
def test_a_bomb_that_does_not_state_its_size_is_stopped_on_the_way(tmp_path: Path, ending: str) -> None:
    zeros = bytes(20_000_000)
    data = gzip.compress(zeros) if ending == ".csv.gz" else tarred([tarfile.TarInfo("zeros")], zeros)
    archive = packed(tmp_path, data, "data" + ending)
    with pytest.raises(DataError, match="no honest archive"):
        unpack(archive, tmp_path / "out", Reporter(), limits=Limits(ratio=50, floor=2_000_000))
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 2_000_000


def test_a_table_of_equal_rows_is_no_bomb(tmp_path: Path) -> None:
    table = b"id_000000,0.1,0.1,0.1\n" * 400_000
    unpack(packed(tmp_path, zipped({"sample_submission.csv": table})), tmp_path / "out", Reporter())
    assert (tmp_path / "out" / "sample_submission.csv").stat().st_size == len(table)


def test_a_disk_that_is_too_small_is_told_apart_from_a_bomb(tmp_path: Path) -> None:
    archive = packed(tmp_path, zipped({"a": b"1"}))
    with pytest.raises(NoRoom, match="the disk has"):
        unpack(archive, tmp_path / "out", Reporter(), limits=Limits(spare=1 << 60))


@pytest.mark.parametrize("damage", ["tail", "middle", "not at all one"])
def test_a_damaged_zip_is_named(tmp_path: Path, damage: str) -> None:
    whole = zipped({"a.csv": bytes(range(256)) * 100, "b.csv": b"2"})
    data = {
        "tail": whole[:-30],
        "middle": whole[:100] + b"\0" * 20 + whole[120:],
        "not at all one": b"<html>Sorry</html>",
    }[damage]
    with pytest.raises(DataError, match=r"data\.zip is damaged"):
        unpack(packed(tmp_path, data), tmp_path / "out", Reporter())


def test_a_truncated_tar_is_named(tmp_path: Path) -> None:
    data = tarred([tarfile.TarInfo("a")], bytes(range(256)) * 1000)
    with pytest.raises(DataError, match="damaged"):
        unpack(packed(tmp_path, data[: len(data) // 2], "data.tar.gz"), tmp_path / "out", Reporter())


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.csv", "1")
        archive.writestr("a.csv", "2")
    with pytest.raises(DataError, match=r"'a\.csv' twice"):
        unpack(packed(tmp_path, out.getvalue()), tmp_path / "out", Reporter())


def test_what_a_mac_adds_is_left_out(tmp_path: Path) -> None:
    archive = packed(tmp_path, zipped({"a.csv": b"1", "__MACOSX/._a.csv": b"x", "d/.DS_Store": b"x"}))
    unpack(archive, tmp_path / "out", Reporter())
    assert came_out(tmp_path / "out") == {"a.csv": b"1"}


def test_archives_within_archives_are_opened_where_they_lie(tmp_path: Path) -> None:
    inner = zipped({"1.png": b"one", "2.png": b"two"})
    folder = zipped({"test/3.png": b"three"})
    tar = tarred([tarfile.TarInfo("masks/4.png")], b"four")
    archive = packed(
        tmp_path,
        zipped({"train.zip": inner, "test.zip": folder, "masks.tar.gz": tar, "all/x.zip": zipped({"y.zip": inner})}),
    )
    _, removed = unpack(archive, tmp_path / "out", Reporter())
    assert came_out(tmp_path / "out") == {
        "train/1.png": b"one",
        "train/2.png": b"two",
        "test/3.png": b"three",
        "masks/4.png": b"four",
        "all/y/1.png": b"one",
        "all/y/2.png": b"two",
    }
    assert sorted(removed) == ["all/x.zip", "all/y.zip", "masks.tar.gz", "test.zip", "train.zip"]


def test_a_packed_table_can_be_read_by_both_names(tmp_path: Path) -> None:
    archive = packed(tmp_path, zipped({"train.csv.gz": gzip.compress(b"id\n1\n")}))
    unpack(archive, tmp_path / "out", Reporter())
    assert (tmp_path / "out" / "train.csv").read_bytes() == b"id\n1\n"
    assert gzip.decompress((tmp_path / "out" / "train.csv.gz").read_bytes()) == b"id\n1\n"


def test_a_packed_image_volume_stays_packed(tmp_path: Path) -> None:
    volume = gzip.compress(b"voxels")
    unpack(packed(tmp_path, zipped({"scan.nii.gz": volume})), tmp_path / "out", Reporter())
    assert came_out(tmp_path / "out") == {"scan.nii.gz": volume}


def test_the_same_table_plain_and_packed_is_no_contradiction(tmp_path: Path) -> None:
    files = {"train.csv": b"id\n1\n", "train.csv.zip": zipped({"train.csv": b"id\n1\n"})}
    unpack(packed(tmp_path, zipped(files)), tmp_path / "out", Reporter())
    assert came_out(tmp_path / "out") == {"train.csv": b"id\n1\n"}


def test_two_different_tables_of_one_name_are(tmp_path: Path) -> None:
    files = {"train.csv": b"id\n1\n", "train.csv.zip": zipped({"train.csv": b"id\n2\n"})}
    with pytest.raises(DataError, match=r"holds another 'train\.csv'"):
        unpack(packed(tmp_path, zipped(files)), tmp_path / "out", Reporter())


def test_archives_too_deep_are_refused(tmp_path: Path) -> None:
    data = zipped({"a.csv": b"1"})
    for level in range(5):
        data = zipped({f"{level}.zip": data})
    with pytest.raises(DataError, match="archives deep"):
        unpack(packed(tmp_path, data), tmp_path / "out", Reporter())


def test_very_many_archives_are_samples_and_stay_packed(tmp_path: Path) -> None:
    files = {f"{i}.zip": zipped({"a": b"1"}) for i in range(101)}
    heard = Heard()
    unpack(packed(tmp_path, zipped(files)), tmp_path / "out", heard)
    assert came_out(tmp_path / "out") == files
    assert "left packed" in heard.text


def test_a_packing_that_is_not_known_names_the_program_to_use(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be opened here") as caught:
        unpack(packed(tmp_path, b"7z", "train.7z"), tmp_path / "out", Reporter())
    assert "7z x" in str(caught.value.remedy)


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.csv": b"1"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(DataError, match="encrypted"):
        unpack(packed(tmp_path, bytes(data)), tmp_path / "out", Reporter())
