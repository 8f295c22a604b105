"""Pictures are hostile input: limits on bytes and pixels, an allow-list of formats, one still frame, eight bits.

What a model's processor reads without loss keeps its bytes. A turned, transparent, CMYK or 16-bit picture becomes the
PNG of what a viewer shows. Everything else is refused. Accepted pictures wait in a file on disk.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from functools import partial

from counterpoint.problem import Picture, encode_png
from counterpoint.sources.parsing import Refusal

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # Pillow knows dozens; each is code that hostile bytes could reach
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright


class PictureFile:
    """Pictures in a temporary file, equal ones once. The file goes when the last of its pictures does.

    It lies in the working folder, where the problems will be written: a system's folder for such files may be memory.
    """

    def __init__(self):
        self.file = tempfile.TemporaryFile(dir=".")  # noqa: SIM115 (its pictures hold it open)
        self.pictures: dict[bytes, Picture] = {}

    def add(self, data: bytes) -> Picture:
        """The picture with these bytes."""
        key = hashlib.sha256(data).digest()
        if key not in self.pictures:
            start = self.file.seek(0, os.SEEK_END)
            self.file.write(data)
            self.pictures[key] = Picture(partial(self._read, start, len(data)))
        return self.pictures[key]

    def _read(self, start: int, size: int) -> bytes:
        self.file.seek(start)
        return self.file.read(size)


def too_large(size: int, limit: int) -> str:
    """The reason for refusing a picture of `size` bytes."""
    return f"its picture has {size} bytes, more than the {limit} of source.max_image_bytes"


def checked(data: bytes, max_bytes: int, max_pixels: int) -> bytes:
    """The picture's bytes, or those of its plain PNG. Raises `Refusal` with the reason.

    max_bytes, max_pixels: what is allowed. The header is read first: nothing is decompressed before its size in pixels
    is known and allowed.
    """
    from PIL import Image

    if not data:
        raise Refusal("its picture is empty: 0 bytes")
    if len(data) > max_bytes:
        raise Refusal(too_large(len(data), max_bytes))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow only warns of a bomb; max_pixels refuses it
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            size = f"{image.width} × {image.height} pixels"
            if image.width * image.height > max_pixels:
                raise Refusal(f"its picture is {size}, more than the {max_pixels} of source.max_image_pixels")
            if image.width < 1 or image.height < 1:
                raise Refusal(f"its picture is {size}: nothing to see")
            # a camera's JPEG may carry previews behind the picture (MPO); a moving picture has no one frame to show
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise Refusal("its picture moves: it has several frames")
            image.load()
            return _plain(image, data)
    except Refusal:
        raise
    except Image.DecompressionBombError:
        raise Refusal(f"its picture has more pixels than the {max_pixels} of source.max_image_pixels") from None
    except Exception as error:  # Pillow's decoders raise many kinds on hostile bytes
        reason = " ".join(str(error).split())[:120] or error.__class__.__name__
        if isinstance(error, Image.UnidentifiedImageError):
            reason = f"it is none of {', '.join(FORMATS)}, or its header is broken"
        raise Refusal(f"its picture cannot be read: {reason}") from None


def _plain(image, data: bytes) -> bytes:
    """`data` where converting to RGB loses nothing, else the PNG of what the picture looks like on white paper."""
    from PIL import Image, ImageOps

    turned = image.getexif().get(ORIENTATION, 1) not in (0, 1)
    if turned:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return encode_png(_eight_bits(image))
    if image.mode == "F":
        raise Refusal("its picture has floating-point pixels")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        if shown.getchannel("A").getextrema() != (255, 255):
            paper = Image.new("RGBA", shown.size, "white")
            return encode_png(Image.alpha_composite(paper, shown).convert("RGB"))
    if turned or image.mode not in ("RGB", "L", "P", "1", "RGBA", "LA"):
        return encode_png(image.convert("RGB"))
    return data


def _eight_bits(image):
    """16-bit grey as 8-bit; Pillow's own conversion would cut everything above 255 to white."""
    import numpy as np
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise Refusal("its picture has more than 16 bits a channel")
    return Image.fromarray((values >> 8).astype(np.uint8))
