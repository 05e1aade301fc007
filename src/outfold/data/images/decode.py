"""One image file to pixels: whatever was stored, upright 8-bit grey or RGB comes out."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outfold.data.images.bands import BandsError, Ranges, decode_bands, is_tiff
from outfold.data.images.damage import find_damage

DECODE_VERSION = 4
"""Raised when the same file would give other pixels."""
_OTHERS = {
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<?xml": "XML",
    b"<svg": "SVG, which is drawn and not stored",
    b"{": "JSON",
    b"pk\3\4": "a ZIP archive",
    b"%pdf": "PDF",
    b"\0\5\x16\7": "what macOS keeps beside a file, under a name that begins with ._",
    b"oggs": "sound",
    b"flac": "sound",
    b"id3": "sound",
    b"\x89hdf": "HDF5",
    b"\x93numpy": "an array of NumPy",
    b"version https://git-lfs": "a pointer of Git LFS, in place of the file",
}
# Pillow warns of every file with an odd tag or many pixels; whether it can be read is what counts
warnings.filterwarnings("ignore", module=r"PIL\.")


class BadImageError(ValueError):
    """This file cannot be read as an image; the message is the reason, for a list of many."""


def decode(
    path: Path,
    channels: int = 3,
    ranges: Ranges = (),
    wanted: tuple[int, int] | None = None,
    *,
    check_damage: bool = True,
) -> NDArray[np.uint8]:
    """Read an image, upright as its EXIF orientation says.

    Sixteen-bit images are scaled to eight (65535 becomes 255), CMYK and palettes become RGB, colour becomes grey by
    ITU-R 601. Alpha is dropped: the colour stored under it is what counts, as in Pillow's ``convert("RGB")`` and in
    OpenCV, under which pretrained models were trained. Of an animation the first frame is taken.

    That is for 1 and 3 channels. With another number, with ``ranges``, and where Pillow knows no colours in a TIFF, the
    bands are taken as they are stored: :mod:`outfold.data.images.bands`.

    Args:
        wanted: the height and width that it will be brought to: see :func:`decode_bytes`.
        check_damage: look for damage inside the file; left out for a file that was looked at before.

    Returns:
        (height, width, channels) uint8; RGB where there are three.

    Raises:
        BadImageError: no such file, empty, truncated, damaged inside, or not an image.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadImageError("no such file") from None
    except OSError as error:
        raise BadImageError(error.strerror or str(error)) from None
    if not data:
        raise BadImageError("empty file")
    return decode_bytes(data, channels, ranges, wanted, check_damage=check_damage)


def decode_bytes(
    data: bytes,
    channels: int = 3,
    ranges: Ranges = (),
    wanted: tuple[int, int] | None = None,
    *,
    check_damage: bool = True,
) -> NDArray[np.uint8]:
    """As :func:`decode`, for a file's bytes.

    A JPEG that is at least four times larger than ``wanted`` either way comes out at half its size, from the decoder's
    own inverse transform (libjpeg's scaling), in a seventh of the time for a photo of 12 megapixels. It is then still
    twice larger or more, so that the areas averaged later leave no aliasing: on photos the result differs from that of
    the whole image by 1.5 of 255 in the mean, where a bilinear one would by 3.6.
    """
    try:
        if is_tiff(data) and (ranges or channels not in (1, 3)):
            return decode_bands(data, channels, ranges)
        return _decode_opened(data, channels, ranges, wanted, check_damage)
    except BadImageError:
        raise
    except BandsError as error:
        raise BadImageError(str(error)) from None
    except Exception as error:  # decoders raise whatever their parsers stumble over
        raise BadImageError(_reason(error)) from None


def _decode_opened(
    data: bytes, channels: int, ranges: Ranges, wanted: tuple[int, int] | None, check_damage: bool
) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        opened = Image.open(io.BytesIO(data))  # this reads the header alone
    except UnidentifiedImageError:
        if is_tiff(data):
            return _bands_as_colours(data, channels)
        raise BadImageError(not_an_image(data)) from None
    with opened as image:
        by_bands = bool(ranges) or channels not in (1, 3)
        if not by_bands and _is_ordinary(image, data):
            if check_damage:
                # before OpenCV, whose libraries print what they stumble over
                _refuse_damage(data, image.format)
            halved = wanted is not None and image.format == "JPEG" and _far_larger(image.size, wanted)
            pixels = _decode_fast(data, channels, halved)
            if pixels is not None:
                return pixels
        pixels = decode_bands(data, channels, ranges) if by_bands else _decode_any(image, channels)
        if check_damage:
            _refuse_damage(data, image.format)
        return pixels


def not_an_image(data: bytes) -> str:
    """Why these bytes are no image, with what they are where their beginning tells."""
    beginning = data[:200].lstrip().lower()
    found = next((kind for start, kind in _OTHERS.items() if beginning.startswith(start)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        found = "sound"
    elif data[128:132] == b"DICM":
        found = "a medical scan (DICOM)"
    return "not an image" if found is None else f"not an image ({found})"


def _refuse_damage(data: bytes, kind: str | None) -> None:
    reason = find_damage(data, kind)
    if reason is not None:
        raise BadImageError(reason)


def _bands_as_colours(data: bytes, channels: int) -> NDArray[np.uint8]:
    """The first three bands of a TIFF as red, green and blue, or its first where there are less."""
    from PIL import Image

    try:
        colours = decode_bands(data, 3, ())
    except BandsError as error:
        raise BadImageError(str(error)) from None
    return colours if channels == 3 else np.array(Image.fromarray(colours).convert("L"), dtype=np.uint8)[:, :, None]


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return f"truncated ({text})" if "truncated" in text.lower() and not text.startswith("truncated") else text


def _is_ordinary(image: Any, data: bytes) -> bool:
    """Whole 8-bit grey or RGB JPEGs and PNGs: OpenCV reads those right, and twice as fast.

    OpenCV fills the missing part of a truncated file with grey, so one without its end mark goes to Pillow, which says.
    """
    if image.format == "JPEG":
        return image.mode in ("RGB", "L") and data[-2:] == b"\xff\xd9"
    if image.format == "PNG":
        bits = data[24]
        return (
            image.mode in ("RGB", "RGBA", "L", "LA")
            and bits == 8
            and "exif" not in image.info
            and b"IEND" in data[-12:]
        )
    return False


def _far_larger(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether both sides are four times those wanted; an image may lie on its side, so shorter goes with shorter."""
    return all(own >= 4 * least for own, least in zip(sorted(size), sorted(wanted), strict=True))


def _decode_fast(data: bytes, channels: int, halved: bool) -> NDArray[np.uint8] | None:
    import cv2

    how = cv2.IMREAD_REDUCED_COLOR_2 if halved else cv2.IMREAD_COLOR
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if pixels is None:
        return None
    code = cv2.COLOR_BGR2GRAY if channels == 1 else cv2.COLOR_BGR2RGB
    return np.ascontiguousarray(cv2.cvtColor(pixels, code).reshape(*pixels.shape[:2], channels))


def _decode_any(image: Any, channels: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    image.load()
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:
        # a damaged EXIF says nothing of how the image lies; the image itself is whole
        upright = image
    if upright.mode.startswith("I"):
        wide = np.asarray(upright).astype(np.int64)
        if wide.min() < 0 or wide.max() > 65535:
            raise BadImageError(f"32-bit pixels from {wide.min()} to {wide.max()}; expected at most 16 bits")
        upright = Image.fromarray(((wide + 128) // 257).astype(np.uint8))
    elif upright.mode == "F":
        raise BadImageError("floating-point pixels; expected 8 or 16 bits")
    elif upright.mode in ("P", "PA"):
        upright = upright.convert("RGBA")
    if channels == 3:
        return np.array(upright.convert("RGB"), dtype=np.uint8)
    # by way of RGB, so that both paths make colour grey alike
    grey = upright if upright.mode == "L" else upright.convert("RGB").convert("L")
    return np.array(grey, dtype=np.uint8)[:, :, None]


def to_square(pixels: NDArray[np.uint8], size: int, resize: Literal["crop", "squash"]) -> NDArray[np.uint8]:
    """Bring an image to size x size: see :func:`to_shape`."""
    return to_shape(pixels, (size, size), resize)


def to_shape(pixels: NDArray[np.uint8], shape: tuple[int, int], resize: Literal["crop", "squash"]) -> NDArray[np.uint8]:
    """Bring an image to a height and a width.

    ``crop`` scales it until it covers the shape and keeps the centre; ``squash`` scales both sides. Shrinking averages
    over areas (no aliasing); enlarging is cubic.

    Args:
        pixels: (height, width, channels) uint8.

    Returns:
        (*shape, channels) uint8.
    """
    height, width, _ = pixels.shape
    if resize == "crop":
        # cut the source first: what the crop throws away need not be scaled
        high = max(1, min(height, round(width * shape[0] / shape[1])))
        wide = max(1, min(width, round(height * shape[1] / shape[0])))
        top, left = (height - high) // 2, (width - wide) // 2
        pixels = np.ascontiguousarray(pixels[top : top + high, left : left + wide])
    return scaled(pixels, shape)


def scaled(pixels: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """An image of (height, width, channels) at another height and width; itself where it has them already."""
    import cv2

    height, width, channels = pixels.shape
    if (height, width) == shape:
        return pixels
    shrinks = height >= shape[0] and width >= shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    # OpenCV averages over the areas of four channels at most
    parts = [np.ascontiguousarray(pixels[:, :, i : i + 4]) for i in range(0, channels, 4)] if channels > 4 else [pixels]
    resized = [cv2.resize(part, shape[::-1], interpolation=how).reshape(*shape, -1) for part in parts]
    return np.asarray(resized[0] if len(resized) == 1 else np.concatenate(resized, axis=2), dtype=np.uint8)
