"""Similar pictures of what was queued are looked for at once, from the hashes that came with the votes."""

from collections.abc import Callable

import pytest

from detection.forensics.phash import Fingerprint as Hashes
from kyc_review.evidence.models import Evidence, Fingerprint, Likeness
from kyc_review.evidence.services import evidence_request, fingerprints_record, likenesses_search
from kyc_review.lifecycle.erase import submission_erase
from kyc_review.pipeline.tasks import search_likenesses
from kyc_review.submissions.models import Submission

pytestmark = pytest.mark.django_db
Submit = Callable[..., Submission]
PRINT, OTHER = Hashes(coarse=0x0F0F, fine=0xFFFF), Hashes(coarse=0xF0F0_F0F0_F0F0, fine=1 << 200)


def hashed(row: Submission, print_: Hashes = PRINT) -> Submission:
    fingerprints_record({row.pk: print_})
    return row


def test_the_twins_of_what_waits_are_found_without_its_evidence(submit: Submit) -> None:
    earlier, unlike = hashed(submit(external_ref="a")), hashed(submit(external_ref="b"), OTHER)
    waiting, later = hashed(submit(external_ref="c")), hashed(submit(external_ref="d"))
    evidence_request([waiting.pk])
    assert search_likenesses() == 1
    pairs = set(Likeness.objects.values_list("submission", "earlier"))
    assert pairs == {(waiting.pk, earlier.pk), (later.pk, waiting.pk)}
    assert unlike.pk not in {key for pair in pairs for key in pair}
    row = Evidence.objects.get()
    assert row.state == "waiting"
    assert row.likenesses_found_at is not None
    assert (likenesses_search(), Likeness.objects.count()) == (0, 2)


def test_without_hashes_the_search_waits_for_them(submit: Submit) -> None:
    row = submit()
    evidence_request([row.pk])
    assert likenesses_search() == 0
    hashed(row)
    assert likenesses_search() == 1


def test_what_was_erased_is_not_searched_for(submit: Submit) -> None:
    earlier, waiting = hashed(submit(external_ref="a")), hashed(submit(external_ref="b"))
    evidence_request([waiting.pk])
    submission_erase(submission_id=earlier.pk, reason="Article 17")
    assert likenesses_search() == 1
    assert not Likeness.objects.exists()
    assert not Fingerprint.objects.filter(pk=earlier.pk).exists()
