"""The record of a model and its notes."""

from rest_framework import serializers

from kyc_review.core.fields import DayField
from kyc_review.core.serializers import StrictSerializer
from kyc_review.registry.inventory import NOTE_MAX, TAG, TAGS_MAX
from kyc_review.registry.models import ModelNote
from kyc_review.retraining.api.serializers.shared import PageOut, PersonField


class RecordIn(StrictSerializer):
    """The whole record: every field has to be sent, so that none is emptied by being left out."""

    owner = serializers.CharField(
        max_length=100, allow_blank=True, help_text="Who answers for it: a person or a department."
    )
    purpose = serializers.CharField(
        max_length=500, allow_blank=True, help_text="What it is used for, and what not."
    )
    next_review_on = DayField(
        allow_null=True, help_text="Until then it is validated again: today, or up to three years ahead."
    )
    tags = serializers.ListField(child=serializers.RegexField(f"^{TAG.pattern}$"), max_length=TAGS_MAX)
    version = serializers.CharField(
        required=False,
        max_length=40,
        allow_blank=True,
        help_text="Of GET: refused with 409 if another admin changed the record meanwhile.",
    )


class RecordOut(serializers.Serializer):
    owner = serializers.CharField(help_text="Empty before the first change, as is `purpose`.")
    purpose = serializers.CharField()
    next_review_on = serializers.DateField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField())
    version = serializers.CharField(help_text="Of the latest change; empty before the first.")
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = PersonField()


class NoteIn(StrictSerializer):
    text = serializers.CharField(max_length=NOTE_MAX)


class NoteOut(serializers.ModelSerializer[ModelNote]):
    written_by = PersonField()

    class Meta:
        model = ModelNote
        fields = ("id", "text", "written_at", "written_by")
        read_only_fields = fields


class NotePage(PageOut):
    data = NoteOut(many=True)  # type: ignore[assignment]
