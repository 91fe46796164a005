from datetime import UTC, date, datetime

import pytest
from rest_framework import serializers

from kyc_review.core.fields import LOST_PLUS, NO_DAY, NO_MOMENT, DayField, MomentField, OneOfField

TEN = datetime(2026, 11, 27, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-27T10:00:00Z", TEN),
        ("2026-11-27t10:00:00z", TEN),
        ("2026-11-27 10:00:00Z", TEN),
        ("2026-11-27T11:00:00+01:00", TEN),
        ("2026-11-27T10:00:00.1234567891Z", TEN.replace(microsecond=123456)),
        ("2026-06-30T23:59:60Z", datetime(2026, 7, 1, tzinfo=UTC)),
        ("2026-07-01T01:59:60+02:00", datetime(2026, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_moment_of_rfc_3339_is_read(text: str, moment: datetime) -> None:
    assert MomentField().run_validation(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-27T10:00:00",
        "2026-11-27",
        "2026-11-27T10:00Z",
        "2026-W48-5T10:00:00Z",
        "20261127T100000Z",
        "2026-11-27T10:00:00Z\0",
        "2026-11-27T10:00:00Z\n",
        "2026-02-30T10:00:00Z",
        "2026-11-27T10:00:60Z",
        "9999-12-31T23:59:60Z",
        "٢٠٢٦-11-27T10:00:00Z",
        "soon",
    ],
)
def test_a_text_that_is_no_moment_or_could_be_several_is_refused(text: str) -> None:
    with pytest.raises(serializers.ValidationError) as refused:
        MomentField().run_validation(text)
    assert refused.value.detail == [NO_MOMENT]


def test_a_plus_that_became_a_space_is_named() -> None:
    with pytest.raises(serializers.ValidationError) as refused:
        MomentField().run_validation("2026-11-27T10:00:00 01:00")
    assert refused.value.detail == [LOST_PLUS]


@pytest.mark.parametrize(
    "text", ["2026-W48-5", "20261127", "2026-02-30", "2026-11-27\n", "2026-11-27T10:00:00Z"]
)
def test_a_day_is_written_in_one_way(text: str) -> None:
    assert DayField().run_validation("2026-11-27") == date(2026, 11, 27)
    with pytest.raises(serializers.ValidationError) as refused:
        DayField().run_validation(text)
    assert refused.value.detail == [NO_DAY]


def test_a_wrong_choice_is_answered_with_the_choices() -> None:
    with pytest.raises(serializers.ValidationError, match=r"Send one of a, b\."):
        OneOfField([("a", "first"), ("b", "second")]).run_validation("c")
