"""A page for a method that an address does not take, as when a form's address is opened: Django sends nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render


class NotAllowedPage:
    """Middleware. The API answers with problem documents of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or response.content:
            return response
        page = render(request, "405.html", {"is_form": "POST" in response["Allow"]}, status=405)
        page["Allow"] = response["Allow"]
        return page
