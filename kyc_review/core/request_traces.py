"""A span for every request, which continues the caller's trace where the request names one."""

from collections.abc import Callable

from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from kyc_review.core import tracing
from kyc_review.core.request_metrics import METHODS, OTHER_METHOD, STATIC, route_of

NOT_TRACED = ("/livez", "/readyz", "/metrics")


class RequestTraces:
    """Middleware; inside of `RequestIds`, outside of the request's log line. Absent while traces are off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not tracing.is_on():
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(NOT_TRACED) or route_of(request) == STATIC:
            return self.get_response(request)
        method = str(request.method) if request.method in METHODS else OTHER_METHOD
        sent = request.headers.get(tracing.HEADER, "")
        with tracing.span(method, kind=tracing.Kind.SERVER, parent=sent) as current:
            response = self.get_response(request)
            assert current is not None  # traces are on
            route = route_of(request)
            current.update_name(f"{method} {route}")
            current.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                }
            )
            if response.status_code >= 500:
                tracing.fail(current)
            return response
