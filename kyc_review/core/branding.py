"""The bank's name, logo and style sheet: two files on this machine, served as they are, under the same strict policy.

A file that cannot be served leaves the product's own mark in its place, and a system check says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
CSS_TYPES = {".css": "text/css; charset=utf-8"}
PRODUCT = "KYC Review"
# Every page carries both.
SIZE_MAX_BYTES = 100_000
KINDS = {"logo": ("BRAND_LOGO", LOGO_TYPES), "style": ("BRAND_CSS", CSS_TYPES)}


def flaw(kind: str) -> str:
    """Why the file cannot be served; empty if it can, or if none is set."""
    setting, types = KINDS[kind]
    if not getattr(settings, setting):
        return ""
    path = Path(getattr(settings, setting))
    if not path.is_absolute():
        return f"{path} is not an absolute path"
    if not path.is_file():
        return f"{path} is not a file that this process can read"
    if path.suffix.lower() not in types:
        return f"{path.name} must end in {', '.join(types)}"
    if path.stat().st_size > SIZE_MAX_BYTES:
        return f"{path.name} is larger than {SIZE_MAX_BYTES // 1000} kB, and every page carries it"
    return ""


def branding(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `brand` with `name`, and `logo` and `style` as addresses or empty; the `release`."""
    brand = {"name": settings.BRAND_NAME or PRODUCT} | {kind: _address(kind) for kind in KINDS}
    return {"brand": brand, "release": settings.RELEASE}


@require_safe
def file(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The address carries the file's time, so browsers may keep it."""
    if kind not in KINDS or not _address(kind):
        raise Http404("No such file is set.")
    setting, types = KINDS[kind]
    path = Path(getattr(settings, setting))
    answer = FileResponse(path.open("rb"), content_type=types[path.suffix.lower()])
    answer["Cache-Control"] = "public, max-age=604800"
    return answer


@register()
def check(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    return [
        Warning(
            f"{setting}: {flaw(kind)}.",
            hint="Pages use the default logo and colours until this is fixed.",
            id=f"kyc_review.W00{number}",
        )
        for number, (kind, (setting, _)) in enumerate(KINDS.items(), 1)
        if flaw(kind)
    ]


def _address(kind: str) -> str:
    path = getattr(settings, KINDS[kind][0])
    if not path or flaw(kind):
        return ""
    return f"{reverse('branding', args=[kind])}?v={Path(path).stat().st_mtime_ns:x}"
