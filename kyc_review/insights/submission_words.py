"""A submission's state, verdict and reason, and subjects of events, in words. Codes of the API stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from detection.voting import Verdict
from kyc_review.submissions.models import ResubmitReason, ResultReason, State

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

STATES = {
    State.RECEIVED: _("Received"),
    State.SCORING: _("Scoring"),
    State.IN_REVIEW: _("In review"),
    State.COMPLETED: _("Completed"),
    State.CANCELLED: _("Cancelled"),
}
VERDICTS = {
    Verdict.CLEAR: _("Clear"),
    Verdict.SPLIT_VOTE: _("Split vote"),
    Verdict.UNANIMOUS_FAKE: _("Unanimous fake"),
}
# By code.
REASONS: dict[str, _StrPromise] = {
    ResultReason.MODELS_AGREE: _("models agree"),
    ResultReason.REVIEWER_FOUND_GENUINE: _("reviewer found genuine"),
    ResultReason.REVIEWER_FOUND_FORGED: _("reviewer found forged"),
    ResubmitReason.BLANK: _("blank"),
    ResubmitReason.NO_FACE: _("no face"),
    ResubmitReason.SEVERAL_FACES: _("several faces"),
    ResubmitReason.FACE_TOO_SMALL: _("face too small"),
    ResubmitReason.FACE_CUT_OFF: _("face cut off"),
    ResubmitReason.TURNED_AWAY: _("turned away"),
    ResubmitReason.NOT_UPRIGHT: _("not upright"),
    ResubmitReason.OCCLUDED: _("occluded"),
    ResubmitReason.BLURRED: _("blurred"),
    ResubmitReason.TOO_DARK: _("too dark"),
    ResubmitReason.TOO_BRIGHT: _("too bright"),
    ResubmitReason.SCREEN_PHOTO: _("screen photo"),
    ResubmitReason.DAMAGED: _("damaged"),
    ResubmitReason.TRAILING_DATA: _("trailing data"),
    ResubmitReason.OTHER: _("other"),
}
# What an event is about, by the name of its model.
TARGETS: dict[str, _StrPromise] = {
    "reviewitem": _("item"),
    "apikey": _("key"),
    "user": _("person"),
    "integration": _("integration"),
    "endpoint": _("webhook"),
    "channel": _("channel"),
    "snapshot": _("snapshot"),
    "trainingrun": _("training run"),
    "comparison": _("comparison"),
    "proposal": _("proposal"),
    "gateproposal": _("proposal of gate settings"),
    "gatesettings": _("gate settings"),
    "bundle": _("bundle"),
    "promotion": _("promotion"),
    "shadow": _("shadow"),
    "alarm": _("alarm"),
}
