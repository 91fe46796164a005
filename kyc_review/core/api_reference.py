"""The API's references as pages to read and try, and the documents behind them."""

from csp.decorators import csp_update
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

FILES = {"openapi": "openapi.yaml", "openapi_staff": "openapi-staff.yaml"}


@require_safe
@csp_update({"img-src": ["data:"]})  # Swagger UI's style sheet carries its icons
def reference(request: HttpRequest, name: str = "openapi") -> HttpResponse:
    """Public, like the document: it holds no data, and integrators have no login."""
    return render(request, "reference.html", {"document": reverse(name)})


@require_safe
def document(request: HttpRequest, name: str = "openapi") -> FileResponse:
    path = settings.BASE_DIR / "docs" / FILES[name]
    return FileResponse(path.open("rb"), content_type="application/yaml")
