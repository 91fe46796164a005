"""One table of codes, in answers, in the docs and in the OpenAPI document."""

from pathlib import Path

import pytest

from detection.checks import CheckCode
from kyc_review.submissions.api.serializers import reason_shown
from kyc_review.submissions.models import ResubmitReason, Result, ResultReason
from kyc_review.submissions.reason_codes import BY_CODE, CODES, ReasonCode, listed

DOCS = Path(__file__).parents[3] / "docs"


def test_the_table_has_every_code_once() -> None:
    every = {*ResultReason.values, *ResubmitReason.values, *(code.value for code in CheckCode)}
    assert set(BY_CODE) == every
    assert len(CODES) == len(every)


def test_what_asks_for_another_picture_is_a_retry_and_all_else_final() -> None:
    assert {one.code for one in CODES if one.is_retry} == set(ResubmitReason.values)


@pytest.mark.parametrize("entry", [one for one in CODES if one.result], ids=lambda one: one.code)
def test_every_reason_has_a_sentence_for_both_that_ends(entry: ReasonCode) -> None:
    assert entry.text.endswith(".")
    assert entry.applicant_text.endswith(".")
    shown = reason_shown(entry.code)
    assert (shown["code"], shown["retry"]) == (entry.code, entry.result is Result.RESUBMIT)
    assert shown["applicant_text"] == entry.applicant_text


def test_an_applicant_is_never_told_what_raised_a_suspicion() -> None:
    forged = BY_CODE[ResultReason.REVIEWER_FOUND_FORGED.value]
    assert not any(word in forged.applicant_text.lower() for word in ("manip", "forg", "fake", "fraud"))


def test_the_docs_have_the_table_as_it_is() -> None:
    assert listed() in (DOCS / "api.md").read_text(), (
        "replace the list under Reasons with reason_codes.listed()"
    )


def test_the_openapi_document_names_every_code() -> None:
    document = (DOCS / "openapi.yaml").read_text()
    assert [one.code for one in CODES if one.code not in document] == []
