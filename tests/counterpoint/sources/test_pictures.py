"""Hostile and odd pictures, each as real bytes."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpoint.problem import Picture
from counterpoint.sources import folder, pictures
from counterpoint.sources.parsing import Refusal

RED, LIMIT = (200, 30, 10), 10_000


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def scene(mode: str = "RGB", size=(40, 30)) -> Image.Image:
    """Red, with a black square in the upper left corner."""
    image = Image.new("RGB", size, RED)
    image.paste((0, 0, 0), (0, 0, 10, 10))
    return image.convert(mode)


def checked(data: bytes) -> bytes:
    return pictures.checked(data, LIMIT, LIMIT)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """A PNG of 8-bit grey whose header says `width` × `height`, whatever `rows` hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def animated(kind: str) -> bytes:
    frames = [scene(), Image.new("RGB", (40, 30), "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


REFUSED = {
    "empty": (b"", "0 bytes"),
    "text": (b"this is no picture", "none of PNG"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "none of PNG"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "none of PNG"),
    "a format not on the list": (encoded(scene(), "TIFF"), "none of PNG"),
    "an icon": (encoded(scene(size=(16, 16)), "ICO"), "none of PNG"),
    "too many bytes": (b"\x89PNG\r\n\x1a\n" + b"\0" * LIMIT, "more than the 10000 of source.max_image_bytes"),
    "a bomb by its header": (png_of(60_000, 60_000, b""), "source.max_image_pixels"),
    "a bomb beyond Pillow's own limit of a warning": (png_of(12_000, 10_000, b""), "120000000|12000 × 10000"),
    "one pixel too many": (encoded(Image.new("L", (101, 100)), "PNG"), "101 × 100 pixels, more than the 10000"),
    "a width of nothing": (png_of(0, 9, b""), "picture"),
    "a truncated PNG": (encoded(scene(), "PNG")[:60], "cannot be read"),
    "a truncated JPEG": (encoded(scene(), "JPEG")[:-60], "cannot be read: .*truncated"),
    "a PNG without its rows": (png_of(50, 50, b"\0" * 10), "cannot be read"),
    "a broken checksum": (png_of(9, 9, b"\0" * 90).replace(b"IDAT", b"IDAX", 1), "cannot be read"),
    "a text that unpacks to 100 MB": (
        png_of(9, 9, b"\0" * 90)[:33]
        + chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 8_000_000))
        + png_of(9, 9, b"\0" * 90)[33:],
        "cannot be read",
    ),
    "a moving GIF": (animated("GIF"), "several frames"),
    "a moving PNG": (animated("PNG"), "several frames"),
    "a moving WebP": (animated("WEBP"), "several frames"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_that_cannot_be_used_is_refused_in_one_line(name):
    data, reason = REFUSED[name]
    with warnings.catch_warnings(), pytest.raises(Refusal, match=reason) as refusal:
        warnings.simplefilter("error")
        checked(data)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 200


def test_a_header_is_believed_before_anything_is_decompressed(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decompressed"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("decompressed"))
    with pytest.raises(Refusal, match=r"source\.max_image_pixels"):
        checked(png_of(5000, 5000, b"\0" * 100))


KEPT = {
    "RGB PNG": encoded(scene(), "PNG"),
    "grey PNG": encoded(scene("L"), "PNG"),
    "palette PNG": encoded(scene("P"), "PNG"),
    "one-bit PNG": encoded(scene("1"), "PNG"),
    "opaque RGBA PNG": encoded(scene("RGBA"), "PNG"),
    "JPEG": encoded(scene(), "JPEG"),
    "WebP": encoded(scene(), "WEBP"),
    "one-frame GIF": encoded(scene(), "GIF"),
    "BMP": encoded(scene(), "BMP"),
    "as large as allowed": encoded(Image.new("L", (100, 100)), "PNG"),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_ordinary_picture_stays_the_very_bytes(name):
    assert checked(KEPT[name]) is KEPT[name]


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = orientation
    return encoded(scene(), "PNG", exif=exif)


def sixteen_bits() -> bytes:
    values = np.full((30, 40), 0x8000, np.uint16)
    values[:10, :10] = 0
    return encoded(Image.fromarray(values), "PNG")


def holes(mode: str) -> bytes:
    """Black where nothing is to be seen: without its alpha the picture would be all black."""
    image = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 10, 10))
    return encoded(image.convert(mode), "PNG")


def palette_holes() -> bytes:
    image = Image.new("P", (40, 30), 1)
    image.putpalette([0, 0, 0, 9, 9, 9])
    image.paste(0, (0, 0, 10, 10))
    return encoded(image, "PNG", transparency=1)


SHOWN = {  # bytes, size, colour in the corner, colour in the middle
    "CMYK JPEG": (encoded(scene("CMYK"), "JPEG", quality=95), (40, 30), (0, 0, 0), RED),
    "16-bit grey": (sixteen_bits(), (40, 30), (0, 0, 0), (128, 128, 128)),
    "turned by a quarter": (turned(6), (30, 40), RED, RED),
    "upside down": (turned(3), (40, 30), RED, RED),
    "transparent": (holes("RGBA"), (40, 30), (0, 0, 0), (255, 255, 255)),
    "transparent grey": (holes("LA"), (40, 30), (0, 0, 0), (255, 255, 255)),
    "transparent palette": (palette_holes(), (40, 30), (0, 0, 0), (255, 255, 255)),
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_odd_picture_becomes_the_png_of_what_a_viewer_shows(name):
    data, size, corner, middle = SHOWN[name]
    with Image.open(io.BytesIO(checked(data))) as image:
        assert (image.format, image.size) == ("PNG", size) and image.mode in ("RGB", "L")
    seen = np.asarray(Picture.of(checked(data)).decode()).astype(int)
    assert abs(seen[2, 2] - corner).max() <= 8 and abs(seen[15, 20] - middle).max() <= 8
    if name == "turned by a quarter":
        assert abs(seen[2, -3]).max() <= 8  # the black square has gone to the upper right


def test_the_previews_of_a_camera_do_not_make_a_picture_move():
    data = encoded(scene(), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 6))])
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2
    assert checked(data) is data


def test_limits_are_parameters_and_reasons_reach_the_rejects(rows, source, tmp_path):
    (tmp_path / "wide.png").write_bytes(encoded(Image.new("L", (101, 100)), "PNG"))
    rows("r.jsonl", {"i": "wide.png"}, {})
    problems, rejects = folder.read(source(max_image_pixels=10_000))
    assert len(problems) == 1 and [(r["line"], "101 × 100" in r["reason"]) for r in rejects] == [(1, True)]
    assert folder.read(source(max_image_pixels=10_100))[1] == []
    assert len(folder.read(source(max_image_bytes=60))[1]) == 2


def test_good_pictures_wait_on_disk_without_a_name(rows, source, tmp_path, monkeypatch, png):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    rows("r.jsonl", *({"q": f"{n} ?", "i": f"r{n % 3}.png"} for n in range(7)), {"i": ["r1.png", "r2.png"]})
    for n in range(3):
        (tmp_path / f"r{n}.png").write_bytes(png(n))
    problems, _ = folder.read(source())
    for file in tmp_path.glob("*.png"):
        file.unlink()
    assert list(Path().iterdir()) == []
    shown = [[picture.read() for picture in p.images] for p in problems]
    assert shown == [*([png(n % 3)] for n in range(7)), [png(1), png(2)]]
    assert problems[0].images[0] is problems[3].images[0]  # equal ones once
