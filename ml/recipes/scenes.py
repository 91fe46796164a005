"""Tiny data sets for smoke runs and tests: scenes, some with a pasted patch and its mask, or real and fake folders."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

SIZE = (96, 64)
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
KINDS = ("ani", "pla", "sec", "nat")


def scene(rng: np.random.Generator, size: tuple[int, int] = SIZE) -> Image.Image:
    """A smooth picture with a little noise, different for each draw."""
    coarse = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    noise = rng.normal(0, 4, (size[1], size[0], 3))
    return Image.fromarray((np.asarray(coarse) + noise).clip(0, 255).astype(np.uint8))


def write_casia(root: Path, count: int = 24, seed: int = 0) -> None:
    """`Au`, `Sp` and `groundtruth` with `count` pictures of each class, none derived from another."""
    rng = np.random.default_rng(seed)
    for name in ("Au", "Sp", "groundtruth"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        scene(rng).save(root / "Au" / f"Au_{kind}_{number:04}.jpg", quality=85)
        host, mask = scene(rng), Image.new("L", SIZE)
        host = host.filter(ImageFilter.GaussianBlur(1))
        x, y = int(rng.integers(0, 56)), int(rng.integers(0, 32))
        host.paste(scene(rng).crop((0, 0, 32, 24)), (x, y))
        mask.paste(255, (x, y, x + 32, y + 24))
        stem = f"Sp_D_CNN_A_{kind}{number + 5000:04}_{kind}{number + 7000:04}_{number:04}"
        host.save(root / "Sp" / f"{stem}.jpg", quality=85)
        mask.save(root / "groundtruth" / f"{stem}_gt.png")


def write_faces(root: Path, count: int = 20, seed: int = 0) -> None:
    """`real` and `fake` with `count` pictures each; the fakes lack the camera's noise."""
    rng = np.random.default_rng(seed)
    for name in ("real", "fake"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture = scene(rng, (80, 80))
            if name == "fake":
                picture = picture.filter(ImageFilter.GaussianBlur(2))
            picture.save(root / name / f"{number:04}.jpg", quality=90)


def write_portraits(root: Path) -> None:
    """`portraits` from the repository's sample selfies, as they are, mirrored, and closer."""
    folder = root / "portraits"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(SAMPLES.glob("*.jpg")):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        width, height = picture.size
        closer = picture.crop((width // 12, height // 12, width - width // 12, height - height // 12))
        for name, version in (("a", picture), ("b", ImageOps.mirror(picture)), ("c", closer)):
            version.save(folder / f"{path.stem}{name}.jpg", quality=90)
