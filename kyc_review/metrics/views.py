"""GET /metrics for a scraper that has METRICS_TOKEN, or that runs on this machine where there is no token."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from kyc_review.accounts.client_ip import within
from kyc_review.core import instruments

from .numbers import Numbers

LOOPBACK = ["127.0.0.0/8", "::1/128"]
# What a proxy adds: then the request came from elsewhere, whatever its address says.
FORWARDED = ("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP", "HTTP_TRUE_CLIENT_IP")
FORWARDED_BEGINS = ("HTTP_X_FORWARDED_", "HTTP_CF_")
registry = CollectorRegistry()
registry.register(Numbers())


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_scrape(request):
        return HttpResponseForbidden("Send METRICS_TOKEN as a bearer token.\n", content_type="text/plain")
    found = generate_latest(registry) + generate_latest(instruments.shared())
    return HttpResponse(found, content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.META.get("HTTP_AUTHORIZATION", "")
        return hmac.compare_digest(sent.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    came_through_proxy = any(name in FORWARDED or name.startswith(FORWARDED_BEGINS) for name in request.META)
    return within(request.META.get("REMOTE_ADDR", ""), LOOPBACK) and not came_through_proxy
