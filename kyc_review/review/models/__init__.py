"""Items and decisions. Rules about change are in services; permanent invariants are constraints here."""

from .audits import AuditDraw
from .decisions import Decision, FirstCall, Onlooker, Withdrawal
from .items import ReviewItem, Skip
from .people import KeyChoice
from .quality import Gold

__all__ = [
    "AuditDraw",
    "Decision",
    "FirstCall",
    "Gold",
    "KeyChoice",
    "Onlooker",
    "ReviewItem",
    "Skip",
    "Withdrawal",
]
