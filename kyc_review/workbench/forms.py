from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext, gettext_lazy

from kyc_review.review.models import Decision, Skip

REGIONS_MAX = 20
SIDES = ("x", "y", "width", "height")
MULTIPLE = ("parts", "methods", "members")


class ReviewForm(forms.Form):
    """What a reviewer sends. Raises BadRequest for a second value of a field that has one, because Django would choose
    the last one silently, and so the answer."""

    def __init__(self, data: QueryDict) -> None:
        for name, values in data.lists():
            if len(values) > 1 and name not in MULTIPLE:
                raise BadRequest(f"The field `{name}` occurs more than once. Send it once.")
        super().__init__(data)


class RegionsField(forms.JSONField):
    """Boxes {x, y, width, height} in fractions of the picture, as the viewer writes them."""

    def to_python(self, value: Any) -> Any:
        try:
            boxes = super().to_python(value) or []
        except RecursionError:
            raise forms.ValidationError(
                gettext("The marked regions could not be read; mark them again.")
            ) from None
        if not isinstance(boxes, list) or len(boxes) > REGIONS_MAX:
            raise forms.ValidationError(gettext("Mark up to %(number)s regions.") % {"number": REGIONS_MAX})
        return [self._box(box) for box in boxes]

    @staticmethod
    def _box(box: object) -> dict[str, float]:
        if (
            not isinstance(box, dict)
            or not all(type(box.get(side)) in (int, float) and 0 <= box[side] <= 1 for side in SIDES)
            or not _lies_within(box)
        ):
            raise forms.ValidationError(
                gettext("A marked region could not be read; remove it and mark it again.")
            )
        return {side: round(float(box[side]), 4) for side in SIDES}


def _lies_within(box: dict[str, float]) -> bool:
    """A box with a size, in the picture up to what rounding adds."""
    ends = (box["x"] + box["width"], box["y"] + box["height"])
    return box["width"] > 0 and box["height"] > 0 and max(ends) <= 1.001


class DecisionForm(ReviewForm):
    """A reviewer's decision. Parts, methods and regions belong to fake; an obstacle to not assessable."""

    label = forms.ChoiceField(
        choices=Decision.Label,
        error_messages={
            "required": gettext_lazy("Choose real, fake or not assessable first."),
            "invalid_choice": gettext_lazy("Choose real, fake or not assessable first."),
        },
    )
    obstacle = forms.ChoiceField(choices=Decision.Obstacle, required=False)
    parts = forms.MultipleChoiceField(choices=Decision.Part, required=False)
    methods = forms.MultipleChoiceField(choices=Decision.Method, required=False)
    regions = RegionsField(required=False)
    note = forms.CharField(required=False, max_length=2000)
    unsure = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        said["is_sure"] = not said.pop("unsure", False)
        for name in ("parts", "methods"):
            said[name] = list(dict.fromkeys(said.get(name) or []))
        if said.get("label") and said["label"] != Decision.Label.FAKE:
            self.errors.pop("regions", None)  # what was drawn belongs to fake, and holds up no other answer
        if said.get("label") == Decision.Label.NOT_ASSESSABLE and not said.get("obstacle"):
            raise forms.ValidationError(
                gettext("State why it cannot be assessed; the applicant is asked for another picture.")
            )
        return said


class CampaignForm(ReviewForm):
    """Which members of a campaign get the answer."""

    members = forms.TypedMultipleChoiceField(
        coerce=UUID, error_messages={"required": gettext_lazy("Choose at least one picture.")}
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        field = self.fields["members"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        keys = [key for key in data.getlist("members") if _is_uuid(key)]
        field.choices = [(key, key) for key in keys]
        # What the sender chose, whether or not the form is valid.
        self.ticked = {UUID(key) for key in keys}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class FirstCallForm(ReviewForm):
    label = forms.ChoiceField(choices=Decision.Label)


class ClaimForm(ReviewForm):
    skipped = forms.BooleanField(required=False)


class ReleaseForm(ReviewForm):
    """What comes with skipping, snoozing, escalating and handing over; each view reads its own field."""

    skip_reason = forms.ChoiceField(choices=Skip.Reason, required=False)
    minutes = forms.IntegerField(required=False)
    to = forms.IntegerField(required=False)
    message = forms.CharField(required=False, max_length=300)


class CommentForm(ReviewForm):
    """A comment on a case; the service says what it may hold."""

    text = forms.CharField(required=False)


class AppealForm(ReviewForm):
    """Why an outcome is to be judged again; people who judge do not read it before."""

    reason = forms.CharField(required=False, max_length=2000)
