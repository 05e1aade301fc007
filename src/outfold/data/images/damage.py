"""Damage inside an image file that decoders pass over in silence: lost, zeroed or foreign bytes.

libjpeg fills what it cannot decode with grey and libwebp with noise; both report success. A whole file has exactly the
bytes that its pixels need: a decoder that needs more of them, or fewer, has lost its way. PNG has checksums.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_END_OF_IMAGE, _START_OF_SCAN, _PROGRESSIVE = 0xD9, 0xDA, 0xC2
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_TAIL = 32
"""Bytes before the end of a whole image's data where libjpeg cannot be done yet, nor libwebp at half as many."""
_AHEAD = 8
"""Bytes that libjpeg's bit buffer reads ahead."""
_UNITS = 12
ENDS_EARLY = "damaged inside: its data ends before its last pixel"
LEFT_OVER = "damaged inside: data is left over after its last pixel"
NO_SENSE = "damaged inside: its data cannot be decoded"


def find_damage(data: bytes, kind: str | None) -> str | None:
    """The reason why a file that can be decoded is damaged nevertheless; None for a whole one.

    Args:
        data: of the file.
        kind: Pillow's name of the format; JPEG (baseline and progressive), PNG and WebP can be checked.
    """
    if kind in ("JPEG", "MPO"):
        return _jpeg_damage(data)
    if kind == "PNG":
        return _png_damage(data)
    return _webp_damage(data) if kind == "WEBP" else None


class _BrokenError(Exception):
    """The decoder has given up."""


class _JpegDecoder:
    """libjpeg, fed piece by piece; at an eighth of the size, so that it does little but read the coefficients.

    Attributes:
        place: how many bytes of the file it was fed.
        finished: the last pixel is there; an image in several scans is not finished before its end mark.
    """

    def __init__(self, data: bytes) -> None:
        from PIL import Image

        self.place, self.finished = 0, False
        self._data, self._rest = data, b""
        image: Any = Image.open(io.BytesIO(data))
        image.draft(image.mode, (1, 1))
        image.load_prepare()
        name, extents, _, arguments = image.tile[0]
        self._image = image
        self._decoder = Image._getdecoder(image.mode, name, arguments, image.decoderconfig)
        self._decoder.setimage(image.im, extents)

    def feed_to(self, place: int) -> None:
        """Decode the file up to this place."""
        if place > self.place:
            piece, self.place = self._data[self.place : place], place
            self.feed(piece)

    def feed(self, piece: bytes) -> None:
        """Decode these bytes.

        Raises:
            _BrokenError: it has given up.
        """
        if self.finished:
            return
        self._rest += piece
        used, error = self._decoder.decode(self._rest)
        if used < 0 and error < 0:
            raise _BrokenError
        self.finished = used < 0
        self._rest = self._rest[used:] if used >= 0 else b""

    def discards(self, units: Iterable[bytes]) -> bool:
        """Whether it needs no more coefficients, and throws these units away in search of the next marker.

        While it needs some, it keeps up to 7 bytes back, until they fill its bit buffer.
        """
        for unit in units:
            self.feed(unit)
            if self._rest:
                return False
        return True

    def next_units(self, end: int) -> Iterator[bytes]:
        """The next bytes of the file one by one; an FF with what follows it, since it means nothing alone."""
        for _ in range(_UNITS):
            start, stop = self.place, min(self.place + 1, end)
            while stop < end and self._data[stop - 1] == 0xFF:
                stop += 1
            self.place = stop
            yield self._data[start:stop]


@dataclass(frozen=True)
class _Scan:
    """Coefficients of one pass over the image.

    Attributes:
        start, end: where their bytes begin and end.
        header: the payload of its SOS segment.
        progressive: whether other scans refine them.
    """

    start: int
    end: int
    header: bytes
    progressive: bool

    def precision(self) -> Iterator[tuple[tuple[int, int], int]]:
        """For each component and coefficient, how many of its lowest bits are still to come."""
        count = self.header[0]
        first, last, bits = self.header[1 + 2 * count : 4 + 2 * count]
        for component in self.header[1 : 1 + 2 * count : 2]:
            for coefficient in range(first, min(last, 63) + 1):
                yield (component, coefficient), bits & 15


def _jpeg_damage(data: bytes) -> str | None:
    scans = _scans(data)
    if not scans:
        return None
    decoder = _JpegDecoder(data)
    lacking: dict[tuple[int, int], int] = {}
    try:
        for scan in scans:
            restarts = list(_RESTART.finditer(data, scan.start, scan.end))
            if any(mark[1][0] & 7 != number % 8 for number, mark in enumerate(restarts)):
                return NO_SENSE
            begins = [scan.start, *(mark.end() for mark in restarts)]
            ends = [*(mark.start() for mark in restarts), scan.end]
            for begin, end in zip(begins, ends, strict=True):
                reason = _part_damage(decoder, data, begin, end)
                if reason is not None:
                    return reason
                if decoder.finished:
                    return None if end == scan.end else LEFT_OVER
            if scan.progressive:
                lacking.update(scan.precision())
    except (_BrokenError, ValueError, IndexError):
        return NO_SENSE
    # an image in one scan is finished by its last pixel, one in several by its end mark
    unfinished = len(scans) == 1 and not scans[0].progressive
    return ENDS_EARLY if unfinished or any(lacking.values()) else None


def _scans(data: bytes) -> list[_Scan]:
    """The scans of a JPEG; none where they are coded arithmetically.

    An arithmetic decoder reads zeros after its data, by design: nothing can be said of it.
    """
    scans: list[_Scan] = []
    progressive = False
    place = 2
    while (mark := _MARKER.search(data, place)) is not None and mark[0][-1] != _END_OF_IMAGE:
        kind, place = mark[0][-1], mark.end()
        if kind in _ARITHMETIC:
            return []
        if kind == 0x01 or 0xD0 <= kind <= 0xD8:
            continue
        progressive = progressive or kind == _PROGRESSIVE
        start = place + int.from_bytes(data[place : place + 2], "big")
        if kind == _START_OF_SCAN and start < len(data):
            found = _SCAN_END.search(data, start)
            end = len(data) if found is None else found.start()
            scans.append(_Scan(start, end, data[place + 2 : start], progressive))
            start = end
        place = start
    return scans


def _part_damage(decoder: _JpegDecoder, data: bytes, start: int, end: int) -> str | None:
    """Decode a scan, or its part up to a restart: the coefficients must end where the data ends."""
    padding = _padding(data, start, end)
    if padding:
        # some writers pad; but the codes of a flat part of an image may be equal bytes, too
        decoder.feed_to(end - padding + _AHEAD)
        if decoder.discards(decoder.next_units(end)):
            decoder.feed_to(end)
            return None
    if start + _TAIL < end - _TAIL and decoder.place <= end - _TAIL:
        decoder.feed_to(end - _TAIL)
        if decoder.discards(decoder.next_units(end)):
            return LEFT_OVER
    decoder.feed_to(end)
    decoder.feed(bytes(_AHEAD))
    return None if decoder.discards([b"\0"] * _UNITS) else ENDS_EARLY


def _padding(data: bytes, start: int, end: int) -> int:
    """How many equal bytes the data ends with, where they are many."""
    last = data[end - 1 : end]
    if end - start <= 2 * _TAIL or data[end - _TAIL : end] != last * _TAIL:
        return 0
    return end - start - len(data[start:end].rstrip(last))


def _png_damage(data: bytes) -> str | None:
    """The checksums of the chunks that hold the pixels and their palette."""
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        name, end = data[place + 4 : place + 8], place + 8 + length
        if end + 4 > len(data):
            return ENDS_EARLY
        if name[:1].isupper() and zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return f"damaged inside: the checksum of its {name.decode('latin-1')} at byte {place} is wrong"
        if name == b"IEND":
            return None
        place = end + 4
    return ENDS_EARLY


def _webp_damage(data: bytes) -> str | None:
    """A still image must not decode any more without the last bytes of its data."""
    from PIL import Image

    whole = 8 + int.from_bytes(data[4:8], "little")
    if whole > len(data) + 1:
        return ENDS_EARLY
    place = 12
    while place + 8 <= len(data):
        name, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"ANIM":
            return None
        if name in (b"VP8 ", b"VP8L"):
            break
        place += 8 + length + length % 2
    else:
        return None
    end = place + 8 + length
    if end > len(data):
        return ENDS_EARLY
    if length <= 4 * _TAIL:
        return None
    kept = data[place + 8 : end - _TAIL // 2]
    body = b"WEBP" + data[12 : place + 4] + struct.pack("<I", len(kept)) + kept + bytes(len(kept) % 2)
    try:
        with Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(body)) + body)) as image:
            image.load()
    except Exception:  # as it must be
        return None
    return LEFT_OVER
