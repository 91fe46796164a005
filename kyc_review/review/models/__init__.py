"""Items and decisions. Rules about change are in services; permanent invariants are constraints here."""

from .audits import AuditCount, AuditCountMark, AuditDraw, AuditTouch
from .campaigns import CampaignLook
from .cases import CaseComment, Mention
from .counts import DecisionCount, DecisionCountMark, DecisionTouch
from .decisions import ASSESSED_LABELS, Decision, DecisionUndo, FirstCall, OutcomeExposure
from .items import RISK_WITHOUT_VOTES, UNDECIDED_STATES, WAITING_STATES, ReviewItem
from .people import KeyChoice, SavedView
from .planted import PlantedForgery
from .put_aside import PutAside, Skip
from .quality import Gold
from .twins import TwinSearch

__all__ = [
    "ASSESSED_LABELS",
    "RISK_WITHOUT_VOTES",
    "UNDECIDED_STATES",
    "WAITING_STATES",
    "AuditCount",
    "AuditCountMark",
    "AuditDraw",
    "AuditTouch",
    "CampaignLook",
    "CaseComment",
    "Decision",
    "DecisionCount",
    "DecisionCountMark",
    "DecisionTouch",
    "DecisionUndo",
    "FirstCall",
    "Gold",
    "KeyChoice",
    "Mention",
    "OutcomeExposure",
    "PlantedForgery",
    "PutAside",
    "ReviewItem",
    "SavedView",
    "Skip",
    "TwinSearch",
]
