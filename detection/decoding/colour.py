"""From a file's own colours to sRGB, for models and reviewers."""

import io

from PIL import Image, ImageCms

INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC  # as browsers show photographs
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
CONVERTED = {"L", "RGB", "CMYK"}


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """RGB in sRGB. A profile that is damaged, or meant for other colours than the picture has, is ignored."""
    if profile and image.mode in CONVERTED:
        try:
            return _converted(image, profile)
        except (ImageCms.PyCMSError, ValueError, OSError):
            pass
    return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.buildTransform(
        source, ImageCms.createProfile("sRGB"), image.mode, "RGB", INTENT, FLAGS
    )
    if image.mode == "RGB":
        ImageCms.applyTransform(image, transform, inPlace=True)
        return image
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # it is in place only where that was asked for
    return converted
