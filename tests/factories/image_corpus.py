"""More than 300 odd files: every format, mode, layout and kind of damage, built here, each with a name.

Each is small. What becomes of it is not said here: an integration must get an answer that says what to do, whatever it
sends.
"""

import random
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image, ImageCms, ImageDraw

from tests.factories import image_files as plain
from tests.factories import phone_files as phone

Named = tuple[str, bytes]
SIZE = (96, 120)


def corpus() -> list[Named]:
    """All files, in an order that is always the same."""
    made = [*_contents(), *_formats(), *_jpegs(), *_pngs(), *_webps(), *_heifs(), *_layouts(), *_foreign()]
    return [*made, *_cut(made), *_flipped(made), *_with_something_behind(made)]


def drawing() -> Image.Image:
    """A picture with shapes, gradients and detail; no photograph."""
    image = Image.linear_gradient("L").resize(SIZE).convert("RGB")
    pen = ImageDraw.Draw(image)
    pen.ellipse((20, 20, 76, 100), fill=(225, 172, 140), outline="black")
    pen.ellipse((34, 46, 42, 54), fill="black")
    pen.ellipse((54, 46, 62, 54), fill="black")
    pen.arc((34, 60, 62, 84), 20, 160, fill=(150, 30, 30), width=3)
    return image


def _contents() -> Iterator[Named]:
    """Pictures with little or nothing in them."""
    noise = Image.effect_noise(SIZE, 80)
    contents = {
        "white": Image.new("RGB", SIZE, "white"),
        "black": Image.new("RGB", SIZE),
        "red": Image.new("RGB", SIZE, "red"),
        "noise": noise.convert("RGB"),
        "gradient": Image.linear_gradient("L").resize(SIZE),
        "rings": Image.radial_gradient("L").resize(SIZE),
        "mandelbrot": Image.effect_mandelbrot(SIZE, (-2, -1.5, 1, 1.5), 40),
        "drawing": drawing(),
    }
    for name, image in contents.items():
        for kind in ("JPEG", "PNG", "WEBP", "AVIF"):
            yield f"{name} as {kind}", plain.saved(image, kind)


def _formats() -> Iterator[Named]:
    """Every mode that each writer accepts."""
    for kind, modes in {
        "JPEG": ("1", "L", "RGB", "CMYK", "YCbCr"),
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "WEBP": ("L", "RGB", "RGBA", "LA", "P"),
        "AVIF": ("L", "RGB", "RGBA", "LA"),
        "GIF": ("L", "P"),
        "BMP": ("1", "L", "RGB"),
        "TIFF": ("1", "L", "RGB", "CMYK", "LAB"),
        "PPM": ("L", "RGB"),
        "ICO": ("RGBA",),
        "PDF": ("RGB",),
        "JPEG2000": ("L", "RGB"),
        "TGA": ("RGB",),
        "PCX": ("RGB",),
        "SGI": ("RGB",),
    }.items():
        for mode in modes:
            picture = drawing().convert("L").convert("I;16") if mode == "I;16" else _converted(mode)
            yield f"{kind} {mode}", plain.saved(picture, kind)


def _converted(mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", drawing().split())
    return drawing().convert(mode)


def _jpegs() -> Iterator[Named]:
    image = drawing()
    for quality in (1, 30, 75, 95, 100):
        for subsampling in (0, 1, 2):
            yield (
                f"JPEG quality {quality} {subsampling}",
                phone.jpeg(image, quality=quality, subsampling=subsampling),
            )
    base = phone.jpeg(image)
    yield "JPEG progressive", phone.jpeg(image, progressive=True)
    yield "JPEG optimised", phone.jpeg(image, optimize=True)
    yield "JPEG restart rows", phone.jpeg(image, restart_marker_rows=1)
    yield "JPEG restart blocks", phone.jpeg(image, restart_marker_blocks=2)
    yield "JPEG kept RGB", phone.jpeg(image, keep_rgb=True)
    yield "JPEG streamtype tables", phone.jpeg(image, streamtype=1)
    yield "JPEG streamtype picture", phone.jpeg(image, streamtype=2)
    yield "JPEG zeros between", phone.with_zeros_between_segments(base)
    yield "JPEG junk between", base[:2] + b"junk" + base[2:]
    yield "JPEG fill bytes", base[:2] + b"\xff" * 20 + base[2:]
    yield "JPEG comment", phone.with_segment(base, 0xFE, b"hello" * 1000)
    yield "JPEG broken profile", phone.with_segment(base, 0xE2, b"ICC_PROFILE\0\x01\x01" + b"x" * 300)
    yield (
        "JPEG profile without its parts",
        phone.with_segment(base, 0xE2, b"ICC_PROFILE\0\x03\x09" + b"x" * 30),
    )
    yield "JPEG broken MPF", phone.with_segment(base, 0xE2, b"MPF\0MM\0*\xff\xff\xff\xff")
    yield "JPEG wrong Adobe transform", phone.with_segment(base, 0xEE, b"Adobe\0\x64\0\0\0\0\x02")
    yield "JPEG other profile", phone.jpeg(image.convert("L"), icc_profile=srgb())
    yield "JPEG sRGB", phone.jpeg(image, icc_profile=srgb())
    for name, size in {
        "tall": (120, 9000),
        "wide": (9000, 120),
        "zero": (0, 0),
        "huge": (65500, 65500),
    }.items():
        yield f"JPEG header {name}", with_size(base, *size)
    for marker in (0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF):
        yield f"JPEG frame {marker:x}", base.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    for depth in (1, 12, 16):
        at = base.index(b"\xff\xc0") + 4
        yield f"JPEG depth {depth}", base[:at] + bytes([depth]) + base[at + 1 :]


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_size(data: bytes, width: int, height: int) -> bytes:
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + height.to_bytes(2) + width.to_bytes(2) + data[frame + 9 :]


def _pngs() -> Iterator[Named]:
    rows = zlib.compress(b"".join(b"\0" + bytes(range(64)) * 3 for _ in range(64)))
    for depth in (0, 1, 2, 4, 8, 16, 255):
        for colour in (0, 1, 2, 3, 4, 6):
            yield (
                f"PNG {depth} bits, colour {colour}",
                plain.png(64, 64, rows=rows, depth=depth, colour=colour),
            )
    for kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tRNS", b"PLTE",
                 b"bKGD", b"hIST", b"tIME", b"sPLT", b"sBIT", b"cICP", b"acTL", b"quAl", b"QUAL", b"1234"):  # fmt: skip
        for body in (b"", b"x", b"name\0\0" + b"\xff" * 40):
            chunk = plain.png_chunk(kind, body)
            yield f"PNG {kind.decode()} {len(body)}", plain.png(64, 64, rows=rows, before=chunk)
    yield "PNG no rows", plain.png(64, 64)
    yield "PNG text bomb", plain.png(64, 64, rows=rows, before=_text_bomb())
    yield "PNG bomb", plain.png_bomb(3000, 3000)
    yield "PNG interlaced", _interlaced()
    yield "APNG", plain.saved(drawing(), "PNG", save_all=True, append_images=[drawing().rotate(90)])


def _text_bomb() -> bytes:
    return plain.png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9)) * 3


def _interlaced() -> bytes:
    """Adam7 with all rows of one colour."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 1)
    sizes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)]
    rows = b"".join((b"\0" + b"\x88" * width) * height for width, height in sizes)
    chunks = plain.png_chunk(b"IHDR", header) + plain.png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunks + plain.png_chunk(b"IEND", b"")


def _webps() -> Iterator[Named]:
    image = drawing()
    for quality in (0, 50, 100):
        yield f"WebP {quality}", plain.saved(image, "WEBP", quality=quality)
        yield f"WebP alpha {quality}", plain.saved(image.convert("RGBA"), "WEBP", quality=quality)
    yield "WebP lossless", plain.saved(image, "WEBP", lossless=True)
    yield "WebP profile", plain.saved(image, "WEBP", icc_profile=srgb(), xmp=b"<x/>", exif=b"Exif\0\0broken")
    yield "WebP animated", plain.saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)])
    base = plain.saved(image, "WEBP")
    yield "WebP too long", base[:4] + struct.pack("<I", 1 << 31) + base[8:]
    yield "WebP too short", base[:4] + struct.pack("<I", 20) + base[8:]
    yield "WebP nothing", b"RIFF\x04\0\0\0WEBP"


def _heifs() -> Iterator[Named]:
    image = drawing()
    heic, avif = phone.heic(image), plain.saved(image, "AVIF")
    yield "HEIC", heic
    yield "HEIC grey", phone.heic(image.convert("L"))
    yield "HEIC alpha", phone.heic(image.convert("RGBA"))
    yield "HEIC several", phone.heic(image, image.rotate(180), primary_index=1)
    yield "HEIC 10 bits", phone.heic_10_bit(64, 64, (60000, 100, 30000))
    yield "AVIF animated", plain.saved(image, "AVIF", save_all=True, append_images=[image.rotate(90)])
    for name, data in (("HEIC", heic), ("AVIF", avif)):
        for kind in (
            b"meta",
            b"pitm",
            b"iprp",
            b"ipco",
            b"ipma",
            b"ispe",
            b"iloc",
            b"iinf",
            b"mdat",
            b"hdlr",
            b"ftyp",
        ):
            yield f"{name} without {kind.decode()}", data.replace(kind, b"skip", 1)
            at = data.index(kind) - 4
            for size in (0, 1, 7, 0xFFFFFFFF):
                yield (
                    f"{name} {kind.decode()} of {size}",
                    data[:at] + struct.pack(">I", size) + data[at + 4 :],
                )
        for brand in (b"mif1", b"msf1", b"avis", b"hevc", b"isom"):
            yield f"{name} called {brand.decode()}", data[:8] + brand + data[12:]


def _layouts() -> Iterator[Named]:
    image = drawing()
    layouts: list[Callable[[Image.Image], bytes]] = [
        phone.ultra_hdr, phone.apple_gain_map, phone.mpo, phone.motion_photo, phone.ultra_hdr_motion_photo,
        phone.samsung, phone.samsung_motion_photo,
    ]  # fmt: skip
    for layout in layouts:
        yield f"layout {layout.__name__}", layout(image)
    yield "layout HEIC motion photo", phone.heic(image) + phone.box(b"mpvd", phone.mp4())


def _foreign() -> Iterator[Named]:
    starts = {
        "empty": b"", "text": b"hello", "html": b"<html><script>", "svg": b"<svg/>", "zip": b"PK\x03\x04", "exe": b"MZ",
        "pdf": b"%PDF-1.7", "mp4": phone.mp4(), "jxl": b"\0\0\0\x0cJXL \r\n\x87\n", "jxl code": b"\xff\x0a",
        "jpeg start": b"\xff\xd8\xff", "png start": b"\x89PNG\r\n\x1a\n", "riff": b"RIFF\xff\xff\xff\xffWEBP",
        "heic start": b"\0\0\0\x18ftypheic", "nul": bytes(1000), "ff": b"\xff" * 1000, "wave": b"RIFF\x04\0\0\0WAVE",
    }  # fmt: skip
    for name, data in starts.items():
        yield f"foreign {name}", data
        yield f"foreign {name} and noise", data + random.Random(name).randbytes(2000)


def _cut(made: list[Named]) -> Iterator[Named]:
    for name, data in made[::9]:
        for share in (0.3, 0.7):
            yield f"{name}, cut at {share}", data[: int(len(data) * share)]


def _flipped(made: list[Named]) -> Iterator[Named]:
    for name, data in made[::6]:
        source, changed = random.Random(name), bytearray(data)
        for _ in range(min(8, len(changed))):
            changed[source.randrange(len(changed))] = source.randrange(256)
        yield f"{name}, overwritten", bytes(changed)


def _with_something_behind(made: list[Named]) -> Iterator[Named]:
    behind = (
        bytes(100),
        b"\r\n",
        b"PK\x03\x04" + bytes(50),
        phone.samsung_trailer([(1, b"a", b"b")]),
        phone.mp4(),
    )
    for number, (name, data) in enumerate(made[::11]):
        yield f"{name}, and more", data + behind[number % len(behind)]
