"""Pictures, made smaller."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypedDict

from pydantic import Field

from ionflux_core.errors import Invalid
from ionflux_core.limits import PICTURE_PIXELS
from ionflux_core.sdk import Context
from ionflux_core.transforms.base import Example, transform, unfit

if TYPE_CHECKING:
    from PIL.Image import Image

# The others are read by parsers that few look at.
_READ: Final = ("PNG", "JPEG", "WEBP", "GIF")
_KINDS: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_FILE = {"sha256": "3e6b1d1e55d0d5ca7c2ee5c2ea5a8b1f0d7a2d9f7c54c0a7a44d46a2f1a6b9c1", "name": "shirt.png",
         "media_type": "image/png", "size": 84}  # fmt: skip
Side = Annotated[int, Field(ge=0, le=8_000)]


class Resized(TypedDict):
    """A picture that was made smaller."""

    file: Annotated[dict[str, Any], "The stored picture: its sha256, name, media_type and size."]
    width: Annotated[int, "Pixels across."]
    height: Annotated[int, "Pixels down."]


@transform("image.resize", title="Make a picture smaller",
           examples=[Example("At most 4 pixels wide", {"file": _FILE, "width": 4},
                             {"file": _FILE, "width": 4, "height": 2})])  # fmt: skip
def resize(
    ctx: Context,
    file: Annotated[dict[str, Any], "A stored picture: PNG, JPEG, WebP, or the first one of a GIF."],
    width: Annotated[Side, "Pixels across, at most; 0 leaves it open."] = 0,
    height: Annotated[Side, "Pixels down, at most; 0 leaves it open."] = 0,
    crop: Annotated[bool, "Whether it is cut to just this size, from its middle."] = False,
    format: Annotated[Literal["", "png", "jpeg", "webp"], "What it becomes; else it stays what it is."] = "",
    quality: Annotated[int, "How good a JPEG or WebP is, from 1 to 95.", Field(ge=1, le=95)] = 85,
) -> Resized:
    """Make a picture smaller and store it. It is never enlarged, and what it tells of camera and place is left out."""
    if not width and not height:
        raise unfit("width", "Neither width nor height is given.", "Give one of them.")
    if crop and not (width and height):
        raise unfit("crop", "To cut a picture takes width and height.", "Give both.")
    picture = _opened(ctx.read_file(file))
    kept = picture.format if picture.format in _KINDS.values() else None
    kind = _KINDS.get(format) or kept or "PNG"
    made = _cut(picture, width, height) if crop else _within(picture, width, height)
    name = f"{str(file.get('name') or 'picture').rpartition('.')[0] or 'picture'}.{kind.lower()}"[:200]
    ref = ctx.artifact(name, _written(made, kind, quality), media_type=f"image/{kind.lower()}")
    return {
        "file": {"sha256": ref.sha256, "name": ref.name, "media_type": ref.media_type, "size": ref.size},
        "width": made.width,
        "height": made.height,
    }


def _opened(raw: bytes) -> Image:
    """The picture upright; Invalid when it is none, or has too many pixels to be unpacked."""
    from PIL import Image, ImageOps

    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        picture = Image.open(io.BytesIO(raw), formats=_READ)
        if picture.width * picture.height > PICTURE_PIXELS:
            raise _too_many()
        kind = picture.format
        upright = ImageOps.exif_transpose(picture)
    except bombs as error:
        raise _too_many() from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise unfit("file", "The file is no picture that can be read.", "Give a PNG, JPEG, WebP or GIF.") from error
    upright.format = kind
    return upright


def _too_many() -> Invalid:
    return unfit("file", f"The picture has more than {PICTURE_PIXELS:,} pixels.", "Give a smaller one.")


def _within(picture: Image, width: int, height: int) -> Image:
    made = picture.convert("RGBA" if _is_clear(picture) else "RGB")
    made.thumbnail((width or picture.width, height or picture.height))
    return made


def _cut(picture: Image, width: int, height: int) -> Image:
    from PIL import ImageOps

    made = picture.convert("RGBA" if _is_clear(picture) else "RGB")
    share = min(1.0, picture.width / width, picture.height / height)
    return ImageOps.fit(made, (max(1, round(width * share)), max(1, round(height * share))))


def _is_clear(picture: Image) -> bool:
    """Whether one may see through parts of it."""
    return "A" in picture.getbands() or "transparency" in picture.info


def _written(picture: Image, kind: str, quality: int) -> bytes:
    from PIL import Image

    if kind == "JPEG" and picture.mode == "RGBA":
        # JPEG knows no clear parts: they become white.
        ground = Image.new("RGB", picture.size, "white")
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    kept = io.BytesIO()
    picture.save(kept, kind, **({} if kind == "PNG" else {"quality": quality}))
    return kept.getvalue()
