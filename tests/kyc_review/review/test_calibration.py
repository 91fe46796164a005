import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from kyc_review.accounts.models import User
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.review.calibration import gold_add, gold_draw, gold_due
from kyc_review.review.decisions import decision_record
from kyc_review.review.models import ReviewItem
from tests.factories.claims import item_claim_next

Enqueue = Callable[..., ReviewItem]


@pytest.mark.django_db(transaction=True)
def test_a_face_whose_erasure_is_under_way_is_not_mixed_in(
    enqueue: Enqueue, alice: User, bob: User, staff: Callable[..., User], settings: Any
) -> None:
    settings.GOLD_RATE = 1.0
    item = enqueue("split_vote", 0.4)
    item_claim_next(reviewer=alice)
    decision_record(item_id=item.pk, reviewer=alice, label="fake")
    gold_add(submission_id=item.submission_id, senior=staff("sam", "senior"), label="fake")
    erasing, done = threading.Event(), threading.Event()

    def erase() -> None:
        with transaction.atomic():
            submission_erase(submission_id=item.submission_id, reason="Asked for.")
            erasing.set()
            done.wait(10)
        connection.close()

    with transaction.atomic():
        assert gold_draw(opened=1) == 1
        assert [gold.submission_id for gold in gold_due()] == [item.submission_id]
        assert gold_draw(opened=1) == 1
    thread = threading.Thread(target=erase)
    thread.start()
    assert erasing.wait(10)
    with transaction.atomic():
        assert gold_due() == []
    done.set()
    thread.join()
