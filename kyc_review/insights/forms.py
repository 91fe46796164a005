from django import forms
from django.db import models

from detection.checks import CheckCode
from detection.voting import Verdict
from kyc_review.review.models import Decision, ReviewItem
from kyc_review.review.selectors import FIRST_LOOK, FIRST_LOOK_LABEL
from kyc_review.scoring.check_words import CODES
from kyc_review.submissions.models import Result, State


class Erred(models.TextChoices):
    """How a member can contradict human decisions."""

    MISSED = "missed", "called real what people rejected"
    ALARM = "alarm", "called fake what people accepted"


class Called(models.TextChoices):
    """What people did with their first calls (`model_monitoring.CALLS`)."""

    APART = "apart", "called first against the models"
    FOLLOWED = "followed", "changed to what the models say"
    TOGETHER = "together", "called first as the models do"
    LEFT = "left", "changed away from the models"


class Twice(models.TextChoices):
    """Faces with two decisions."""

    ANY = "any", "decided on by a second person"
    APART = "apart", "decided on differently by two people"


class Flagged(models.TextChoices):
    """Selfies that a bundle did not clear: all, or those with split votes."""

    ANY = "flagged", "given to people"
    SPLIT = Verdict.SPLIT_VOTE.value, "with split votes"


class SearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=200)
    state = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), *((value, label.capitalize()) for value, label in State.choices)],
    )
    result = forms.ChoiceField(required=False, choices=[("", "Any"), *Result.choices])
    reason = forms.ChoiceField(
        required=False, choices=[("", "Any"), *ReviewItem.Reason.choices, (FIRST_LOOK, FIRST_LOOK_LABEL)]
    )
    check = forms.ChoiceField(
        required=False,
        label="Check found",
        choices=[("", "Any"), *((code.value, CODES[code].capitalize()) for code in CheckCode)],
    )
    waiting = forms.ChoiceField(
        required=False,
        choices=[("", "Any"), ("any", "Waits"), ("at_risk", "Waits, nearly late"), ("late", "Waits, late")],
    )
    reviewer = forms.CharField(required=False, max_length=150)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    # These come from plots; the page has no field for them and shows them in words.
    decided = forms.DateTimeField(required=False)
    scored = forms.DateTimeField(required=False)
    hours = forms.IntegerField(
        required=False, min_value=1, max_value=24 * 366
    )  # from `decided` or `scored` on
    label = forms.ChoiceField(required=False, choices=Decision.Label.choices, widget=forms.HiddenInput)
    called = forms.ChoiceField(required=False, choices=Called.choices, widget=forms.HiddenInput)
    twice = forms.ChoiceField(required=False, choices=Twice.choices, widget=forms.HiddenInput)
    bundle = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    verdict = forms.ChoiceField(required=False, choices=Flagged.choices, widget=forms.HiddenInput)
    member = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)
    erred = forms.ChoiceField(required=False, choices=Erred.choices, widget=forms.HiddenInput)


# What an event's action begins with, and how people call it.
KINDS = {
    "submission.": "Submissions",
    "item.": "Items",
    "gold.": "Calibration",
    "campaign.": "Campaigns",
    "staff.": "People",
    "token.": "Tokens",
    "integration.": "Integrations",
    "key.": "API keys",
    "webhook.": "Webhooks",
    "snapshot.": "Snapshots",
    "training.": "Training runs",
    "comparison.": "Comparisons",
    "promotion.": "Proposals",
    "gate.": "Gate settings",
    "bundle.": "Bundles",
    "alarm.": "Alarms",
    "notice_channel.": "Notices",
    "shadow.": "Shadow",
    "retention.": "Retention",
    "export.": "Exports",
    "audit.": "Keys of the log",
}


class AuditForm(forms.Form):
    action = forms.CharField(required=False, max_length=60)
    actor = forms.CharField(required=False, max_length=150)
    target = forms.CharField(required=False, max_length=64)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)
    before = forms.IntegerField(required=False, min_value=1)


class EraseForm(forms.Form):
    """The reason, and a confirmation that is not given by mistake."""

    reason = forms.CharField(
        max_length=300, error_messages={"required": "State the reason; auditors read it."}
    )
    confirmed = forms.BooleanField(
        error_messages={"required": "Confirm that you understand that it cannot be undone."}
    )
