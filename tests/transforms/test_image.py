"""Pictures: their new size, what they become, and what is no picture."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from ionflux_core.errors import Invalid
from tests.transforms.surroundings import Surroundings, a_picture, made_in


def _resized(raw: bytes, **inputs: Any) -> tuple[dict[str, Any], Image.Image]:
    context = Surroundings()
    made = made_in(context, "image.resize", file=context.file("shirt.x", raw), **inputs)
    return made, Image.open(io.BytesIO(context.read_file(made["file"])))


@pytest.mark.parametrize(
    ("inputs", "size"),
    [
        ({"width": 4}, (4, 2)),
        ({"height": 1}, (2, 1)),
        ({"width": 800, "height": 800}, (8, 4)),
        ({"width": 2, "height": 2, "crop": True}, (2, 2)),
        ({"width": 80, "height": 80, "crop": True}, (4, 4)),
    ],
)
def test_it_becomes_smaller_and_never_larger(inputs: dict[str, Any], size: tuple[int, int]) -> None:
    made, picture = _resized(a_picture(), **inputs)
    assert (made["width"], made["height"]) == picture.size == size
    assert made["file"]["name"] == "shirt.png"


@pytest.mark.parametrize(("kind", "format"), [("PNG", "jpeg"), ("GIF", ""), ("WEBP", ""), ("JPEG", "webp")])
def test_it_becomes_what_is_asked(kind: str, format: str) -> None:
    made, picture = _resized(a_picture(kind), width=4, format=format)
    wanted = format.upper() or {"GIF": "PNG"}.get(kind, kind)
    assert picture.format == wanted
    assert made["file"]["media_type"] == f"image/{wanted.lower()}"


def test_clear_parts_become_white_in_a_jpeg() -> None:
    _, picture = _resized(a_picture(mode="RGBA"), width=4, format="jpeg")
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_it_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    made, picture = _resized(a_picture("JPEG", exif=exif), width=4)
    assert (made["width"], made["height"]) == (4, 8)
    assert not picture.getexif()


def _png_of(width: int, height: int) -> bytes:
    """The first part of a picture of that size; a few bytes."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (head, b"IDAT")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts
    )


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"no picture", "no picture"),
        (a_picture("BMP"), "no picture"),
        (a_picture()[:40], "no picture"),
        (_png_of(10_000, 10_000), "more than 25,000,000 pixels"),
        (_png_of(6_000, 6_000), "more than 25,000,000 pixels"),
    ],
)
def test_what_is_no_picture_is_told(raw: bytes, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        _resized(raw, width=4)
    assert caught.value.problems[0].path == "file"


def test_a_size_is_needed() -> None:
    for inputs in ({}, {"width": 4, "crop": True}):
        with pytest.raises(Invalid, match=r"given|takes width and height"):
            _resized(a_picture(), **inputs)
