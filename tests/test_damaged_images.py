"""Damage inside an image: lost, zeroed and foreign bytes that decoders pass over, found in every way of reading."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from conftest import outfold
from ear import Ear
from PIL import Image

from outfold.data.images.cache import VARIABLE, ImageSet, open_cache
from outfold.data.images.damage import find_damage
from outfold.data.images.decode import BadImageError, decode, decode_bytes
from outfold.data.images.inspect import look_at
from outfold.data.images.sizes import own_size
from outfold.errors import DataError

FORMATS: dict[str, dict[str, Any]] = {
    "baseline": {"format": "JPEG", "quality": 90},
    "optimised": {"format": "JPEG", "quality": 90, "optimize": True},
    "progressive": {"format": "JPEG", "quality": 90, "progressive": True},
    "restarts": {"format": "JPEG", "quality": 90, "restart_marker_rows": 1},
    "progressive restarts": {"format": "JPEG", "quality": 90, "progressive": True, "restart_marker_blocks": 7},
    "grey": {"format": "JPEG", "quality": 90, "mode": "L"},
    "cmyk": {"format": "JPEG", "quality": 90, "mode": "CMYK"},
    "png": {"format": "PNG"},
    "webp": {"format": "WEBP", "quality": 80},
    "lossless webp": {"format": "WEBP", "lossless": True},
}


def photo(number: int, side: int = 200, deviation: float = 12) -> np.ndarray:
    """Waves with noise (side, side, 3)."""
    y, x = np.mgrid[:side, :side]
    waves = 127 + 60 * np.sin(x / (7 + number)) + 40 * np.cos(y / (9 + number) + number)
    noise = np.random.default_rng(number).normal(0, deviation, (side, side, 3))
    return np.clip(waves[..., None] + noise, 0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, **options)
    return out.getvalue()


def damaged(data: bytes) -> dict[str, bytes]:
    """The same file after each of four accidents, its beginning and its end mark whole."""
    count, noise = len(data), np.random.default_rng(0).integers(0, 256, 2000, dtype=np.uint8).tobytes()
    return {
        "the middle lost": data[: count // 3] + data[-2:],
        "a piece lost": data[: count // 3] + data[count // 2 :],
        "zeros to the end": data[: count // 3] + bytes(count - count // 3 - 2) + data[-2:],
        "foreign bytes": data[: count // 2] + noise + data[count // 2 + 2000 :],
    }


@pytest.mark.parametrize("name", FORMATS)
def test_damage_inside_a_file_is_found(name: str) -> None:
    for number in range(3):
        data = encoded(photo(number), **FORMATS[name])
        assert decode_bytes(data).shape == (200, 200, 3)
        for broken in damaged(data).values():
            with pytest.raises(BadImageError):
                decode_bytes(broken)


@pytest.mark.parametrize("name", FORMATS)
def test_whole_files_of_all_sorts_are_not_damaged(name: str) -> None:
    flat = [np.full((120, 90, 3), value, np.uint8) for value in (0, 128, 255)]
    half, line = photo(0), np.full((90, 120, 3), 255, np.uint8)
    half[70:] = 255
    line[20] = 0
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (64, 1, 3))
    small = [photo(number, side) for number, side in enumerate((1, 5, 8, 16, 17, 33))]
    for pixels in [*flat, half, line, ramp, *small]:
        options = dict(FORMATS[name])
        for quality in (5, 75, 100) if "quality" in options else (None,):
            data = encoded(pixels, **options | ({} if quality is None else {"quality": quality}))
            assert find_damage(data, options["format"]) is None


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_padding_before_the_end_mark_and_bytes_after_it_are_no_damage(progressive: bool) -> None:
    data = encoded(photo(0), format="JPEG", progressive=progressive)
    for padding in (b"\0" * 300, b"\xff" * 300, b"\0" * 5):
        assert find_damage(data[:-2] + padding + data[-2:], "JPEG") is None
    assert find_damage(data + b"a note" * 100, "JPEG") is None


def test_parts_of_two_files_joined_are_damage() -> None:
    files = [encoded(photo(number, deviation=3.0 * number), format="JPEG", quality=90) for number in range(5)]
    for first, second in itertools.permutations(files, 2):
        assert find_damage(first[: len(first) // 3] + second[len(second) // 2 :], "JPEG") is not None


def test_a_large_photo_decoded_at_half_its_size_is_looked_at_too() -> None:
    data = encoded(photo(0, 800), format="JPEG", quality=90)
    assert decode_bytes(data, wanted=(64, 64)).shape == (400, 400, 3)
    with pytest.raises(BadImageError, match="damaged inside: its data ends before its last pixel"):
        decode_bytes(damaged(data)["the middle lost"], wanted=(64, 64))


def test_the_first_look_finds_what_training_would_refuse(tmp_path: Path) -> None:
    data = encoded(photo(0, 800), format="JPEG", quality=90)
    files = [tmp_path / f"{number}.jpg" for number in range(3)]
    for file, content in zip(files, (data, *list(damaged(data).values())[:2]), strict=True):
        file.write_bytes(content)
    looks = look_at(files, Ear())
    assert looks.problems[0] is None
    assert all(problem is not None and "damaged inside" in problem for problem in looks.problems[1:])


@pytest.mark.parametrize("budget", ["", "200 KB", "10 KB"], ids=["map", "jpegs", "live"])
def test_in_every_form_of_the_cache_damaged_images_are_bad_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    files = [tmp_path / f"{number}.jpg" for number in range(20)]
    for number, file in enumerate(files):
        data = encoded(photo(number), format="JPEG", quality=90)
        file.write_bytes(damaged(data)["zeros to the end"] if number in (3, 7) else data)
    monkeypatch.setenv(VARIABLE, budget)
    images = ImageSet("train", files, 64)
    cache = open_cache(tmp_path / "cache", images, Ear(), on_bad="drop")
    assert sorted(cache.bad) == [3, 7]
    pixels = cache.pixels[3] if isinstance(cache.pixels, np.ndarray) else cache.pixels.image(3)
    assert abs(pixels.astype(int) - 128).max() <= 1
    with pytest.raises(DataError, match=r"2 of 20 train images cannot be read:\n.*3\.jpg: damaged inside"):
        open_cache(tmp_path / "cache", images, Ear(), on_bad="error")


def test_check_names_damaged_files(tmp_path: Path) -> None:
    ids = [f"i{number:02d}" for number in range(24)]
    (tmp_path / "inputs/train").mkdir(parents=True)
    for number, name in enumerate(ids):
        data = encoded(photo(number), **FORMATS["progressive" if number % 2 else "baseline"])
        if number in (3, 4):
            data = damaged(data)["the middle lost"]
        (tmp_path / f"inputs/train/{name}.jpg").write_bytes(data)
    table = pd.DataFrame({"id": ids, "y": np.arange(24) % 2})
    table[:18].to_csv(tmp_path / "inputs/train.csv", index=False)
    table[18:].drop(columns="y").to_csv(tmp_path / "inputs/test.csv", index=False)
    table[18:].assign(y=0.5).to_csv(tmp_path / "inputs/sample_submission.csv", index=False)
    for folder in ("competition", "pipelines"):
        (tmp_path / folder).mkdir()
    (tmp_path / "competition/competition.yaml").write_text(
        "host: folder\nslug: photos\ntrain: train.csv\ntest: test.csv\nid: id\ntarget: y\n"
        "columns: {image: 'train/{id}.jpg'}\n"
    )
    (tmp_path / "pipelines/forest.yaml").write_text("learner: gbdt\nrounds: 5\n")
    said = outfold(tmp_path, "check", check=False)
    assert said.returncode == 2
    assert "unreadable      2  train/i03.jpg, train/i04.jpg" in said.stdout
    assert "2 of 18 train images cannot be read" in said.stderr
    findings = pd.read_csv(tmp_path / "artifacts/check/findings.csv")
    found = findings[findings["finding"] == "unreadable"]
    assert found["id"].tolist() == ["i03", "i04"]
    assert found["detail"].str.startswith("damaged inside").all()


# damage that decoders do tell, in words of their own


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, **options)
    return out.getvalue()


def test_whatever_is_wrong_with_a_file_is_a_bad_image_and_no_error_of_ours() -> None:
    """Each format cut, with flipped bits, and with numbers of its header replaced."""
    pixels = photo(0, 40)
    whole = [encoded(pixels, **options) for options in FORMATS.values()]
    whole += [encoded(pixels, format=name) for name in ("BMP", "GIF", "TIFF", "JPEG2000", "PPM")]
    whole += [encoded(pixels, "P", format="PNG", transparency=3), encoded(pixels, "1", format="TIFF")]
    whole += [encoded(pixels, format="TIFF", compression="tiff_lzw"), tiff(np.zeros((20, 30, 5), np.uint16))]
    rng = np.random.default_rng(0)
    outcomes = set()
    for data in whole:
        for kind in range(24):
            broken = bytearray(data)
            at = int(rng.integers(0, min(len(data), 250)))
            if kind % 3 == 0:
                broken = broken[: int(rng.integers(1, len(data)))]
            elif kind % 3 == 1:
                broken[at] ^= 1 << int(rng.integers(0, 8))
            else:
                broken[at : at + 4] = b"\xff" * 4
            for channels, ranges in ((3, ()), (1, ()), (5, ((0.0, 255.0),))):
                try:
                    decode_bytes(bytes(broken), channels, ranges)
                    outcomes.add("read")
                except BadImageError:
                    outcomes.add("bad")
    assert outcomes == {"read", "bad"}


def test_a_damaged_tag_of_a_tiff_is_a_bad_image(tmp_path: Path) -> None:
    data = bytearray(encoded(photo(0, 40), format="TIFF"))
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack(f"{order}I", data[4:8])[0]
    for entry in range(struct.unpack(f"{order}H", data[start : start + 2])[0]):
        for offset, value in ((2, 0), (2, 99), (4, 2**31), (4, 0), (8, 2**32 - 1)):
            broken, at = bytearray(data), start + 2 + 12 * entry + offset
            size = "H" if offset == 2 else "I"
            broken[at : at + struct.calcsize(size)] = struct.pack(order + size, value)
            path = tmp_path / "a.tif"
            path.write_bytes(broken)
            try:
                decode(path)
            except BadImageError as error:
                assert 0 < len(str(error)) < 400
            assert len(own_size(path)) == 2


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and has hardly any pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (0, 10), (10, 0), (60_000, 4), (2**31 - 1, 1)])
def test_a_size_that_the_pixels_do_not_have_is_refused(width: int, height: int) -> None:
    with pytest.raises(BadImageError):
        decode_bytes(png_of(width, height))


def test_a_tiff_that_declares_more_numbers_than_its_bytes_can_hold_is_refused() -> None:
    data = bytearray(tiff(np.zeros((4, 4, 5), np.uint16), photometric="minisblack", planarconfig="contig"))
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack(f"{order}I", data[4:8])[0]
    for entry in range(struct.unpack(f"{order}H", data[start : start + 2])[0]):
        at = start + 2 + 12 * entry
        if struct.unpack(f"{order}H", data[at : at + 2])[0] in (256, 257):
            data[at + 2 : at + 12] = struct.pack(f"{order}HII", 4, 1, 12_000)
    with pytest.raises(BadImageError, match="cannot be in"):
        decode_bytes(bytes(data), 5)


def test_a_damaged_orientation_leaves_the_image_as_it_lies(tmp_path: Path) -> None:
    pixels = photo(0, 40)[:, :20]
    for body in (
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x99\0",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif",
    ):
        data = encoded(pixels, format="JPEG", exif=body)
        (tmp_path / "a.jpg").write_bytes(data)
        assert decode_bytes(data).shape == (40, 20, 3)
        assert own_size(tmp_path / "a.jpg") == (40, 20)
    png = encoded(pixels, format="PNG")
    exif = b"eXIf" + b"MM\0*\xff\xff\xff\xff"
    at = png.index(b"IDAT") - 4
    data = png[:at] + struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif)) + png[at:]
    assert (decode_bytes(data) == pixels).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n<!DOCTYPE html><html></html>", "a web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "what macOS keeps beside a file"),
        (b"PK\3\4" + bytes(30), "a ZIP archive"),
        (np.random.default_rng(0).bytes(40), "not an image"),
    ],
    ids=["HTML", "XML", "LFS", "macOS", "ZIP", "noise"],
)
def test_a_file_of_another_kind_under_an_images_name_is_called_by_its_kind(content: bytes, said: str) -> None:
    with pytest.raises(BadImageError, match=said):
        decode_bytes(content)
