from django.db.models import Count

from bench import rows, rows_filling
from kyc_review.accounts.models import IdempotencyRecord
from kyc_review.audit.models import Event
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.scoring.models import Scoring, Vote
from kyc_review.submissions.models import Submission
from kyc_review.webhooks.models import Attempt, Delivery


def test_filled_rows_belong_together(db: None) -> None:
    """The constraints of every table hold, the numbers of rows fit, and pages show them."""
    rows_filling.fill(1500, waiting=20, say=lambda text: None)
    rows_filling.fill(100, waiting=0, say=lambda text: None)
    assert Submission.objects.count() == 1600
    scored = Scoring.objects.count()
    assert Vote.objects.count() == 5 * scored > 5 * 1000
    assert not Scoring.objects.annotate(number=Count("submission__checks")).exclude(number=10).exists()
    decided = ReviewItem.objects.filter(state="decided").count()
    assert Decision.objects.count() == decided > 0
    assert ReviewItem.objects.filter(state="open", submission__received_at__isnull=False).exists()
    assert Attempt.objects.count() == Delivery.objects.count() > 500
    assert Event.objects.filter(action="submission.received").count() == 1600
    assert IdempotencyRecord.objects.exists()
    found = {name: rows.measure(name, act, 1) for name, act in rows.acts(rows.known())}
    assert found["lease: 64 submissions to score"].statements >= 1
    assert Submission.objects.filter(state="scoring").count() == 0, "what was measured was not undone"
