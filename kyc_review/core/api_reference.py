"""The API's reference as a page to read and try, and the document behind it."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
@csp_update({"img-src": ["data:"]})  # Swagger UI's style sheet carries its icons
def reference(request: HttpRequest) -> HttpResponse:
    """Public, like the document: it holds no data, and integrators have no login."""
    return render(request, "reference.html")


@require_safe
def document(request: HttpRequest) -> FileResponse:
    path = settings.BASE_DIR / "docs" / "openapi.yaml"
    return FileResponse(path.open("rb"), content_type="application/yaml")
