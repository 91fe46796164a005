"""Why an item needs a person, and the place in the queue that follows from it."""

from django.db import models
from django.db.models import Case, F, Value, When
from django.utils.translation import gettext_lazy


class Reason(models.TextChoices):
    """Why a submission needs a person."""

    UNANIMOUS_FAKE = "unanimous_fake", gettext_lazy("All five say fake")
    SPLIT_VOTE = "split_vote", gettext_lazy("Votes disagree")
    # The value is older than the name. Frozen rows and snapshots hold it, and the API publishes it, so it stays.
    SECOND_REVIEW = "second_opinion", gettext_lazy("Second review")
    ADJUDICATION = "adjudication", gettext_lazy("Two people disagree")
    UNSCORABLE = "unscorable", gettext_lazy("Could not be scored")
    CHECKS = "checks", gettext_lazy("Picture check")
    AUXILIARY_MODEL = "auxiliary_model", gettext_lazy("Auxiliary model")
    STANDSTILL = "standstill", gettext_lazy("Scoring stood still")
    AUDIT = "audit", gettext_lazy("Audit sample")
    GOLD = "gold", gettext_lazy("Calibration")
    TWIN_REJECTED = "twin_rejected", gettext_lazy("Same picture was rejected")
    APPEAL = "appeal", gettext_lazy("Appeal")


# What the automatic result alone gives to people. The others follow from what people did, or are samples.
_LATER = (
    Reason.SECOND_REVIEW,
    Reason.ADJUDICATION,
    Reason.AUDIT,
    Reason.GOLD,
    Reason.TWIN_REJECTED,
    Reason.APPEAL,
)
ORDINARY = tuple(reason for reason in Reason if reason not in _LATER)

# Most urgent first, by the reason that people are shown: a place in the queue does not give gold away. Applicants wait
# for all but audits, whose outcome stands already; those whose votes were not taken could be anything. Those with a
# check that did not pass follow by risk: those that models suspect before those that all found genuine. What is not
# named comes last, by risk: what only an auxiliary model doubts. Some have another reason's place: gold and audits that
# of a drawn one (`queue_masking`), TWIN_REJECTED and APPEAL that of UNANIMOUS_FAKE, second reviews and ADJUDICATION
# that of the item before (`masked_reason`). The column `priority` is generated from this: a change rewrites the table.
# Blind items are handed out by their age instead (QUEUE_RANK).
PRIORITIES = {
    Reason.UNANIMOUS_FAKE: 0,
    Reason.SECOND_REVIEW: 1,
    Reason.SPLIT_VOTE: 2,
    Reason.UNSCORABLE: 3,
    Reason.STANDSTILL: 4,
    Reason.CHECKS: 5,
    Reason.AUDIT: 6,
}


# The order of the queue. Blind items come by age alone, because a place that followed from the votes would tell them
# before the first call; they rank with the most urgent, because any of them may be that. `statements.QUEUE_ORDER` is
# the same as SQL, and the index `item_queue_order` holds it. All parts ascend, so that a page of the list begins after
# the last row of the one before by one comparison of rows.
QUEUE_RANK = Case(
    When(is_escalated=True, then=Value(-1)),
    When(is_blind=True, then=Value(0)),
    default=F("priority"),
    output_field=models.IntegerField(),
)
QUEUE_CALM = Case(
    When(is_blind=True, then=Value(-1.0)), default=F("urgency") * -1, output_field=models.FloatField()
)
QUEUE_ORDER = (QUEUE_RANK.asc(), QUEUE_CALM.asc(), F("opened_at").asc(), F("id").asc())

# Why models, auxiliary models and checks give a picture to a person; not because there was no verdict.
FLAGGED = (Reason.UNANIMOUS_FAKE, Reason.SPLIT_VOTE, Reason.CHECKS, Reason.AUXILIARY_MODEL)
