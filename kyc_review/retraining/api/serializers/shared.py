"""What the rows of the loop have in common. People are told by their user names, bundles by their digests."""

from typing import Any

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kyc_review.training.gate import Answer, Check


class PersonField(serializers.CharField):
    """A user name; null when the system itself, its clock or its command line did it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{"source": None, "allow_null": True, "read_only": True} | more)

    def to_representation(self, value: Any) -> str:
        return str(value.get_username())


class MarkOut(serializers.Serializer):
    """The number of submissions in it, or that it learned from, that were erased since."""

    number = serializers.IntegerField()
    since = serializers.DateTimeField()


class Markable(serializers.Serializer):
    """What erased submissions left in it; `marks` in the context has them by primary key."""

    erased = serializers.SerializerMethodField(help_text="Null: no submission in it was erased.")

    @extend_schema_field(MarkOut(allow_null=True))
    def get_erased(self, row: Model) -> dict[str, Any] | None:
        mark = self.context["marks"].get(row.pk)
        return dict(MarkOut(mark).data) if mark else None


class CheckOut(serializers.Serializer):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    answer = serializers.SerializerMethodField(
        help_text="`undecided`: the sample is too small to say; the gate is closed then, too."
    )
    detail = serializers.CharField()

    @extend_schema_field(serializers.ChoiceField(choices=[answer.value for answer in Answer]))
    def get_answer(self, check: Any) -> str:
        """Checks that were stored before there were three answers have two."""
        if isinstance(check, Check):
            return check.answer.value
        return str(check.get("answer") or (Answer.PASSED if check["passed"] else Answer.FAILED))


class PageOut(serializers.Serializer):
    """Newest first. Continue with `after` set to `next` while `has_more` is true."""

    # Each page adds `data`, the API's name in every list; a serializer's own `data` is not asked for.
    has_more = serializers.BooleanField()
    next = serializers.IntegerField(allow_null=True)
