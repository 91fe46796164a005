"""What the sender called the file, kept only where it contradicts the content."""

from pathlib import PurePath

from detection.decoding.facts import Format

EXTENSIONS: dict[str, Format] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "JPEG"),
    ".png": "PNG",
    ".webp": "WEBP",
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
}
CONTENT_TYPES: dict[str, Format] = {
    **dict.fromkeys(("image/jpeg", "image/jpg", "image/pjpeg", "image/mpo"), "JPEG"),
    "image/png": "PNG",
    "image/webp": "WEBP",
    **dict.fromkeys(("image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"), "HEIC"),
    "image/avif": "AVIF",
}
# Other formats whose names say something; any other text could be a person's name and is not kept.
FOREIGN_EXTENSIONS = {
    ".gif", ".bmp", ".tif", ".tiff", ".pdf", ".svg", ".zip", ".exe", ".html", ".php", ".mp4", ".mov", ".dng", ".raw",
}  # fmt: skip
FOREIGN_TYPES = {
    "image/gif", "image/bmp", "image/tiff", "image/svg+xml", "application/pdf", "application/zip", "text/html",
    "text/plain", "video/mp4", "video/quicktime",
}  # fmt: skip


def contradiction(found: Format, filename: str | None, content_type: str | None) -> dict[str, str] | None:
    """The extension (without its dot) and the type that name another known format; None when neither does."""
    extension = PurePath(filename or "").suffix.lower()
    declared = (content_type or "").partition(";")[0].strip().lower()
    told: dict[str, str] = {}
    if extension in FOREIGN_EXTENSIONS or EXTENSIONS.get(extension, found) != found:
        told["extension"] = extension.removeprefix(".")
    if declared in FOREIGN_TYPES or CONTENT_TYPES.get(declared, found) != found:
        told["content_type"] = declared
    return told or None
