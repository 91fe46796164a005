"""One line for each refusal of a busy server, and every exception with its traceback."""

import logging
from typing import NoReturn

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path


def busy(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=503)


def failing(request: HttpRequest) -> NoReturn:
    raise RuntimeError("a fault")


def missing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)


urlpatterns = [path("busy", busy), path("failing", failing), path("missing", missing)]


@pytest.mark.parametrize(
    ("address", "loggers"),
    [
        ("/busy", ["kyc_review.requests"]),
        ("/failing", ["django.request", "kyc_review.requests"]),
        ("/missing", ["django.request", "kyc_review.requests"]),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_a_refusal_is_one_line_and_an_exception_keeps_its_own(
    address: str, loggers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        Client(raise_request_exception=False).get(address)
    assert sorted(record.name for record in caplog.records) == loggers
    has_traceback = [bool(record.exc_info) for record in caplog.records]
    assert any(has_traceback) == (address == "/failing")
