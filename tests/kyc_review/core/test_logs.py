"""One line for each refusal of a busy server, and every exception with its traceback."""

import logging
import sys
from typing import NoReturn

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from kyc_review.core.logs import formatter


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


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_row_of_the_database_is_in_the_log(form: str) -> None:
    refused = "new row violates check\nDETAIL:  Failing row contains (ref-4711,\nAda).\nCONTEXT:  COPY things"
    try:
        try:
            raise ValueError(refused)
        except ValueError as error:
            raise RuntimeError(f"cannot be stored: {error}") from error
    except RuntimeError:
        facts = sys.exc_info()
    record = logging.LogRecord("kyc", logging.ERROR, "", 1, "refused: %s", (refused,), facts)
    line = formatter(form).format(record)
    assert "ref-4711" not in line
    assert "Ada" not in line
    assert line.count("DETAIL: not logged") == 3
    assert line.count("CONTEXT:  COPY things") == 3
    assert "RuntimeError" in line
