"""Images that are nearly the same: a 64-bit difference hash, and a search that need not compare all pairs.

The hash says for each of 8 x 8 places whether the picture gets brighter to the right (dHash, Krawetz 2013): another
size, compression or exposure changes few of its bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 5
"""Hashes that differ in at most so many bits are looked at more closely."""

MIN_CORRELATION = 0.98
"""Small grey copies that correlate less than this are two pictures, whatever their hashes say."""

_EDGES = np.linspace(0, 64, MAX_BITS + 2).round().astype(int).tolist()
_MASKS = [np.uint64(sum(1 << bit for bit in range(low, high))) for low, high in pairwise(_EDGES)]
_BLOCK = 2048
_ROWS = 65536


def difference_hash(grey: NDArray[np.uint8]) -> int:
    """The 64 bits of an image (height, width)."""
    import cv2

    small = np.asarray(cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA), dtype=np.int16)
    bits = np.packbits((small[:, 1:] > small[:, :-1]).ravel())
    return int.from_bytes(bits.tobytes(), "big")


def near_pairs(hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pairs of rows that look the same.

    If two hashes differ in at most 5 bits, at least one of 6 bands of bits is the same in both: only rows that share
    a band are compared. What is left must also correlate in its small grey copy.

    Args:
        hashes: (n,).
        thumbs: (n, side, side).

    Returns:
        (m, 2), the lower row first, each pair once.
    """
    flat = thumbs.reshape(len(thumbs), thumbs.shape[1] * thumbs.shape[2]).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    found = [np.empty((0, 2), dtype=np.int64)]
    for number, mask in enumerate(_MASKS):
        for pairs in _close(hashes, mask):
            differing = hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]
            for earlier in _MASKS[:number]:
                # a pair that shares an earlier band was met there
                new = (differing & earlier) != 0
                pairs, differing = pairs[new], differing[new]
            found.append(pairs[_correlate(flat, pairs)])
    return np.concatenate(found)


def groups_of(n: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The group of each of n rows, where pairs and whatever hangs together by pairs are a group."""
    if not n:
        return np.empty(0, dtype=np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _close(hashes: NDArray[np.uint64], mask: np.uint64) -> Iterator[NDArray[np.int64]]:
    """Pairs of rows that agree under the mask and differ in few bits, bucket by bucket."""
    band = hashes & mask
    order = np.argsort(band, kind="stable")
    starts = np.flatnonzero(np.diff(band[order]) != 0) + 1
    for bucket in np.split(order, starts):
        for start in range(0, len(bucket) - 1, _BLOCK):
            rows = bucket[start : start + _BLOCK]
            for other in range(start, len(bucket), _BLOCK):
                columns = bucket[other : other + _BLOCK]
                near = _ones(hashes[rows][:, None] ^ hashes[columns][None, :]) <= MAX_BITS
                if other == start:
                    near = np.triu(near, 1)
                first, second = np.nonzero(near)
                if len(first):
                    yield np.sort(np.column_stack([rows[first], columns[second]]), axis=1)


def _correlate(flat: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which pairs of standardised rows correlate enough."""
    result = np.empty(len(pairs), dtype=bool)
    for start in range(0, len(pairs), _ROWS):
        first, second = pairs[start : start + _ROWS].T
        result[start : start + _ROWS] = np.einsum("ij,ij->i", flat[first], flat[second]) >= MIN_CORRELATION
    return result


def _ones(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits that are set in each word, by the usual sums in parallel."""
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + ((words >> np.uint64(2)) & np.uint64(0x3333333333333333))
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
