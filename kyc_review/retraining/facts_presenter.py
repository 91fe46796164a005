"""What a snapshot's facts mean for a training run, in words, before one is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kyc_review.datasets.models import Snapshot
from kyc_review.training.gate_limits import Limits

NOISE_FINE = 0.1  # expected share of wrong labels; above, a candidate learns less than its numbers promise
NOT_MEASURED = (
    "How many are wrong was not measured yet: no item was answered by two people, and none has a known truth. "
    "About {share:.0%} are assumed to be wrong until then: use calibration items."
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
        return Fact(
            "Decisions", f"{decisions} of at least {least} for training: {missing} more are needed.", False
        )
    return Fact("Decisions", f"{decisions}, of at least {least} for training.", True)


def _held_out(held_out: dict[str, int], limits: Limits) -> Fact:
    fakes, audited = held_out["fake"], held_out["audited_fakes"]
    text = f"{fakes} fakes and {held_out['real']} real faces; an audit of cleared faces found {audited} of the fakes. "
    missing = limits.audited_fakes - audited
    if missing > 0:
        return Fact("Held out", f"{text}The gate needs {missing} more audited ones to say anything.", False)
    return Fact("Held out", f"{text}The gate needs {limits.audited_fakes} audited ones.", True)


def _pictures(facts: dict[str, Any], decisions: int) -> Fact:
    copies = decisions - facts["pictures"]
    different = f"{facts['pictures']} truly different ones in {decisions} decisions"
    text = f"{different}, in {facts['groups']} groups of applicants."
    if copies:
        text += f" {copies} are equal or nearly equal to another; all of one group are held out, or none."
    return Fact("Pictures", text, copies <= decisions / 10)


def _contradicting(facts: dict[str, Any]) -> Fact:
    count = facts["contradicting"]
    if not count:
        return Fact("Contradicting labels", "No picture was called both real and fake.", True)
    submissions = [key for keys in facts["contradicting_submissions"] for key in keys]
    which = "1 picture was" if count == 1 else f"{count} pictures were"
    return Fact(
        "Contradicting labels",
        f"{which} called both real and fake; decide on them again.",
        False,
        submissions,
    )


def _noise(labels: dict[str, Any]) -> Fact:
    share, compared = labels["noise"], labels["compared"]
    if not compared:
        return Fact("Labels", NOT_MEASURED.format(share=share), False)
    basis = (
        f"from {compared} items of two people or of known truth ({labels['people']} people; Dawid and Skene)"
    )
    text = f"About {share:.0%} are wrong, estimated {basis}."
    if compared < COMPARED_LEAST:
        text += (
            " That is few, so one in five counts as wrong until answers say otherwise: use calibration items."
        )
    return Fact("Labels", text, share <= NOISE_FINE and compared >= COMPARED_LEAST)
