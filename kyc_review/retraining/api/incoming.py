"""Requests of scripts: shapes only. The services check what is allowed."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from kyc_review.core.fields import DayField, DigestField, OneOfField
from kyc_review.core.serializers import StrictSerializer
from kyc_review.datasets.models import Snapshot
from kyc_review.datasets.snapshot_filters import SnapshotFilter
from kyc_review.datasets.snapshots import NAME
from kyc_review.registry.models import Bundle
from kyc_review.retraining.forms import REASONS
from kyc_review.training.models import Job, Proposal
from kyc_review.training.runs import BALANCES, EPOCHS_MAX

REASON_MAX = 300
BEGINNINGS = [
    ("champion", "Fine-tune the champion's weights"),
    ("scratch", "Train the same architectures from scratch"),
]


class PageIn(serializers.Serializer):
    """Numbered rows: `after` is `next` of the previous page."""

    after = serializers.IntegerField(min_value=1, required=False, help_text="`next` of the previous page.")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)


class WorkPageIn(PageIn):
    state = OneOfField(choices=Job.State.choices, required=False)


class ComparisonPageIn(WorkPageIn):
    candidate = DigestField(
        required=False, source="candidate__digest", help_text="Of this bundle, by its digest."
    )


class ProposalPageIn(PageIn):
    state = OneOfField(choices=Proposal.State.choices, required=False)


class SnapshotPageIn(PageIn):
    after = serializers.SlugField(  # type: ignore[assignment]
        max_length=60, required=False, help_text="`next` of the previous page."
    )
    state = OneOfField(choices=Snapshot.State.choices, required=False)


class BundlePageIn(PageIn):
    after = DigestField(  # type: ignore[assignment]
        required=False, help_text="`next` of the previous page."
    )
    source = OneOfField(  # type: ignore[assignment]
        choices=Bundle.Source.choices, required=False
    )


class ChoicesIn(StrictSerializer):
    """Which decisions; what is left out leaves none out."""

    consensus = serializers.BooleanField(
        default=False, help_text="Only what two people agreed on, or a third settled."
    )
    sources = serializers.ListField(
        child=serializers.SlugField(max_length=50), default=list, help_text="Only of these integrations."
    )
    reasons = serializers.ListField(
        child=OneOfField(choices=REASONS),
        default=list,
        help_text="Only items with these reasons.",
    )
    since = DayField(required=False, help_text="Decided on this day or later.")
    until = DayField(required=False, help_text="Decided on this day or earlier.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "since" in attrs and "until" in attrs and attrs["since"] > attrs["until"]:
            raise serializers.ValidationError({"until": "It is before the first day."})
        return attrs


def choices_of(sent: Mapping[str, Any]) -> SnapshotFilter:
    """The filter that the data of a valid ChoicesIn state."""
    return SnapshotFilter(
        consensus=sent.get("consensus", False),
        sources=tuple(sent.get("sources", ())),
        reasons=tuple(sent.get("reasons", ())),
        since=sent.get("since"),
        until=sent.get("until"),
    )


class SnapshotIn(StrictSerializer):
    """A new snapshot of the final decisions of this moment."""

    name = serializers.RegexField(
        f"^{NAME.pattern}$",
        required=False,
        default="",
        help_text="a-z, 0-9 and hyphens; by default the date.",
    )
    choices = ChoicesIn(required=False)


class RunIn(StrictSerializer):
    """A new training run; what is left out has the page's defaults."""

    snapshot = serializers.SlugField(max_length=60, help_text="A ready snapshot's name.")
    begin = OneOfField(choices=BEGINNINGS, default="champion")
    epochs = serializers.IntegerField(min_value=1, max_value=EPOCHS_MAX, default=3)
    miss = serializers.FloatField(
        min_value=0.001,
        max_value=0.5,
        default=0.1,
        help_text="Share of fakes that the thresholds may miss on validation.",
    )
    balance = serializers.CharField(
        max_length=120,
        default=BALANCES[0],
        help_text=f"How labels are balanced: one of {', '.join(BALANCES)}; or one for each voter, with commas.",
    )
    weigh = serializers.BooleanField(
        default=True, help_text="Items are weighted by one over their probability of being labelled."
    )
    seed = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)


ERASED = "Required when the candidate learned from faces that were erased since: that you know it."


class ComparisonIn(StrictSerializer):
    """Champion and this bundle on a snapshot's hold-out and the latest submissions."""

    candidate = DigestField(help_text="A bundle's digest.")
    snapshot = serializers.SlugField(max_length=60, help_text="A ready snapshot's name.")


class PointIn(StrictSerializer):
    shift = serializers.FloatField(
        min_value=-10, max_value=10, default=0.0, help_text="One of `points[].shift`."
    )


class ProposalIn(PointIn):
    """Proposes a compared candidate for production at an operating point."""

    comparison = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(
        max_length=REASON_MAX, help_text="The reason for the promotion; auditors read it."
    )
    override = serializers.CharField(
        max_length=REASON_MAX,
        required=False,
        allow_blank=True,
        default="",
        help_text="Required while the gate is closed: the reason for the override, in at least 20 characters.",
    )
    erased_acknowledged = serializers.BooleanField(default=False, help_text=ERASED)


class RemarkIn(StrictSerializer):
    remark = serializers.CharField(max_length=REASON_MAX, required=False, allow_blank=True, default="")


class ApprovalIn(RemarkIn):
    erased_acknowledged = serializers.BooleanField(default=False, help_text=ERASED)


class RollbackIn(StrictSerializer):
    reason = serializers.CharField(max_length=REASON_MAX, help_text="Auditors read it.")
    leaving = DigestField(
        help_text="The digest of the bundle in production as you know it, so that a repeated request goes back once.",
    )


class ShadowIn(StrictSerializer):
    bundle = DigestField(help_text="A bundle's digest.")
