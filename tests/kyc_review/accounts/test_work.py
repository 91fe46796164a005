import pytest

from kyc_review.accounts.models import User
from kyc_review.accounts.people import work


def test_everything_that_is_registered_is_released(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_releasers", [])
    work.work_releaser(two := lambda holder: 2 if holder == alice else 0)
    work.work_releaser(lambda holder: 3)
    work.work_releaser(two)
    assert work.work_release(holder=alice) == 5, "twice registered is once released"


def test_the_claims_of_the_review_are_registered() -> None:
    assert [release.__name__ for release in work._releasers] == ["claims_release"]
