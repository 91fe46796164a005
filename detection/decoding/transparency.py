"""Whether a picture's transparency, and not its colours, carries what is seen."""

from PIL import Image, ImageStat

SAMPLE_SIDE = 512  # pixels; samples of the picture, not averages
FIRST_HALF_TRANSPARENT, FIRST_OPAQUE = 16, 240
HALF_TRANSPARENT_SHARE_MAX = 0.1  # soft edges of a cut-out person take less
UNIFORM_STDDEV = 4.0  # grey levels of the visible colours
PICTURE_STDDEV = 16.0  # of the alpha channel, 0 to 255


def sampled(image: Image.Image) -> Image.Image:
    """Pixels at equal distances, so that looking at them costs little."""
    scale = min(1.0, SAMPLE_SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.NEAREST)


def depends_on_background(image: Image.Image) -> bool:
    """Of an RGBA picture: whether programs that lay it on another colour, or ignore alpha, show something else.

    That is so where a large part is half transparent, or where all that can be seen has one colour.
    """
    alpha = image.getchannel("A")
    counts = alpha.histogram()
    half_transparent = sum(counts[FIRST_HALF_TRANSPARENT:FIRST_OPAQUE])
    if half_transparent > HALF_TRANSPARENT_SHARE_MAX * image.width * image.height:
        return True
    if ImageStat.Stat(alpha).stddev[0] < PICTURE_STDDEV:
        return False
    visible = alpha.point([0] + [255] * 255)
    return max(ImageStat.Stat(image.convert("RGB"), visible).stddev) < UNIFORM_STDDEV
