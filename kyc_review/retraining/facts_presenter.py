"""What a snapshot's facts mean for a training run, in words, before one is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, gettext_noop, ngettext

from kyc_review.core.numbers import percentage
from kyc_review.datasets.models import Snapshot
from kyc_review.training.gate_limits import Limits

NOISE_FINE = 0.1  # expected share of wrong labels; above, a candidate learns less than its numbers promise
NOT_MEASURED = gettext_noop(
    "How many are wrong was not measured yet: no item was answered by two people, and none has a known truth. About "
    "%(share)s are assumed to be wrong until then: use calibration items."
)
COMPARED_LEAST = 30  # items of two people or of known truth; fewer hardly tell how reliable people are


@dataclass(frozen=True, slots=True)
class Fact:
    """One line; `is_fine` when nothing needs attention."""

    name: str
    text: str
    is_fine: bool
    submissions: list[str] = field(default_factory=list)


def snapshot_facts(snapshot: Snapshot, limits: Limits | None = None, decisions_min: int = 0) -> list[Fact]:
    """Empty for a snapshot that is not ready, or from before facts were kept."""
    facts: dict[str, Any] = snapshot.facts
    if not facts:
        return []
    decisions = snapshot.count_real + snapshot.count_fake
    return [
        _enough(decisions, decisions_min),
        _held_out(facts["held_out"], limits or Limits.current()),
        _pictures(facts, decisions),
        _contradicting(facts),
        _noise(facts["labels"]),
    ]


def _enough(decisions: int, least: int) -> Fact:
    missing = least - decisions
    if missing > 0:
        text = gettext("%(decisions)s of at least %(least)s for training: %(missing)s more are needed.")
    else:
        text = gettext("%(decisions)s, of at least %(least)s for training.")
    values = {"decisions": decisions, "least": least, "missing": missing}
    return Fact(gettext("Decisions"), text % values, missing <= 0)


def _held_out(held_out: dict[str, int], limits: Limits) -> Fact:
    fakes, audited = held_out["fake"], held_out["audited_fakes"]
    found = gettext(
        "%(fakes)s fakes and %(reals)s real faces; an audit of cleared faces found %(audited)s of the fakes."
    ) % {"fakes": fakes, "reals": held_out["real"], "audited": audited}
    missing = limits.audited_fakes - audited
    if missing > 0:
        needs = gettext("The gate needs %(number)s more audited ones to say anything.") % {"number": missing}
    elif limits.audited_fakes:
        needs = gettext("The gate needs %(number)s audited ones.") % {"number": limits.audited_fakes}
    else:
        needs = gettext("The gate asks for no audited ones.")
    return Fact(gettext("Held out"), f"{found} {needs}", missing <= 0)


def _pictures(facts: dict[str, Any], decisions: int) -> Fact:
    copies = decisions - facts["pictures"]
    text = gettext(
        "%(pictures)s truly different ones in %(decisions)s decisions, in %(groups)s groups of applicants."
    ) % {"pictures": facts["pictures"], "decisions": decisions, "groups": facts["groups"]}
    if copies:
        equal = gettext(
            "%(number)s are equal or nearly equal to another; all of one group are held out, or none."
        )
        text = f"{text} {equal % {'number': copies}}"
    return Fact(gettext("Pictures"), text, copies <= decisions / 10)


def _contradicting(facts: dict[str, Any]) -> Fact:
    count = facts["contradicting"]
    if not count:
        return Fact(
            gettext("Contradicting labels"), gettext("No picture was called both real and fake."), True
        )
    submissions = [key for keys in facts["contradicting_submissions"] for key in keys]
    return Fact(
        gettext("Contradicting labels"),
        ngettext(
            "1 picture was called both real and fake; decide on it again.",
            "%(number)s pictures were called both real and fake; decide on them again.",
            count,
        )
        % {"number": count},
        False,
        submissions,
    )


def _noise(labels: dict[str, Any]) -> Fact:
    share, compared = labels["noise"], labels["compared"]
    if not compared:
        return Fact(gettext("Labels"), gettext(NOT_MEASURED) % {"share": percentage(share, 0)}, False)
    text = gettext(
        "About %(share)s are wrong, estimated from %(compared)s items of two people or of known truth (%(people)s "
        "people; Dawid and Skene)."
    ) % {"share": percentage(share, 0), "compared": compared, "people": labels["people"]}
    if compared < COMPARED_LEAST:
        few = gettext(
            "That is few, so one in five counts as wrong until answers say otherwise: use calibration items."
        )
        text = f"{text} {few}"
    return Fact(gettext("Labels"), text, share <= NOISE_FINE and compared >= COMPARED_LEAST)
