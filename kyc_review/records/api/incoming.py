"""Parameters of the records' addresses: shapes only."""

from typing import Any

from rest_framework import serializers

from kyc_review.core.fields import DayField, OneOfField
from kyc_review.records.dossier import Audience
from kyc_review.records.writers import Format


class ExportIn(serializers.Serializer):
    since = DayField(help_text="The first day, in UTC.")
    until = DayField(help_text="The last day, in UTC.")
    format = OneOfField(choices=[format.value for format in Format], default=Format.JSON_LINES.value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["until"] < attrs["since"]:
            raise serializers.ValidationError({"until": "The last day is before the first."})
        return attrs


class DossierIn(serializers.Serializer):
    audience = OneOfField(
        choices=[audience.value for audience in Audience],
        help_text="`subject`: for the applicant, without data of others and names of staff.",
    )
