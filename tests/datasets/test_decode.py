"""Pixels come only out of pictures that have the stated size."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dmldata.common.errors import DatasetError
from dmldata.contract.decode import decode_depth, decode_image, decode_mask, size_of


def encoded(pixels: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of a few bytes whose header promises side x side pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8) % 6


@pytest.mark.parametrize("side", [9_000, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(DatasetError, match=r"^a\.png: "):
        decode_image(bomb(side), "png", (8, 8), "a.png")


def test_an_image_is_rgb_whatever_it_was_stored_as() -> None:
    image = decode_image(encoded(GRAY), "png", (8, 8), "a.png")
    assert (image.mode, image.size) == ("RGB", (8, 8))


def test_the_extension_decides_the_decoder() -> None:
    with pytest.raises(DatasetError, match="not a JPEG picture"):
        decode_image(encoded(GRAY), "jpg", (8, 8), "a.jpg")
    with pytest.raises(DatasetError, match="not a PNG picture"):
        size_of(encoded(GRAY, "GIF"), "png", "a.png")


def test_a_picture_cut_short_is_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    with pytest.raises(DatasetError, match=r"a\.jpg: damaged"):
        decode_image(encoded(noise, "JPEG")[:-600], "jpg", (64, 64), "a.jpg")


def test_a_mask_comes_back_as_it_is() -> None:
    assert np.array_equal(decode_mask(encoded(GRAY), (8, 8), "a.mask.png"), GRAY)


def test_depth_comes_back_in_millimeters() -> None:
    depth = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    assert np.array_equal(decode_depth(encoded(depth), (8, 8), "a.depth.png"), depth)
    with pytest.raises(DatasetError, match="16-bit"):
        decode_depth(encoded(GRAY), (8, 8), "a.depth.png")
