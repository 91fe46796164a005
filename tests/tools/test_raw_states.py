"""tools/raw_states.py: what it reports and what it leaves alone."""

import pytest

from tools.raw_states import raw_states, raw_template_states, read_enums

ENUMS = read_enums()


@pytest.mark.parametrize(
    "source",
    [
        'rows.filter(state="open")',
        'rows.exclude(scoring__verdict__in=["clear", verdict])',
        'Q(submission__result="rejected")',
        'row.verdict == "clear"',
        '"fake" == row["label"]',
        'decision.label in ("fake", other)',
        'STATES = ("received", "scoring")',
        'WORDS = {"clear": "clear", "split_vote": "split vote", "": "none"}',
        'RESULT = {REAL: "clear", FAKE: "rejected"}',
        'Case(default=Value("real"))',
    ],
)
def test_a_raw_value_is_reported(source: str) -> None:
    assert raw_states(source, ENUMS)


@pytest.mark.parametrize(
    "source",
    [
        "rows.filter(state=ReviewItem.State.OPEN)",
        'rows.filter(name="open")',
        'file.mode == "open"',
        'rows.values("label", "fake")',
        'Count("pk", filter=Q(label=Label.FAKE))',
        'FIELDS = ("state", "reason")',
        'class State(models.TextChoices):\n    OPEN = "open", "Waiting"',
        'class Item(models.Model):\n    class Meta:\n        condition = Q(state="open")',
    ],
)
def test_other_strings_are_left_alone(source: str) -> None:
    assert raw_states(source, ENUMS) == []


def test_every_value_of_an_enum_is_known() -> None:
    assert ENUMS.by_field["verdict"] == {"clear", "unanimous_fake", "split_vote"}
    assert {"open", "claimed", "settling", "decided"} <= ENUMS.by_field["state"]


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ('{% if item.state == "decided" %}', [(1, "decided")]),
        ('{% elif seen.submission.result != "clear" %}', [(1, "clear")]),
        ("{% if item.state == item.State.DECIDED %}", []),
        ('{% if said.label == "real" %}', []),
        ('{% if row.name == "decided" %}', []),
    ],
)
def test_a_raw_value_in_a_template_is_reported(line: str, reported: list[tuple[int, str]]) -> None:
    assert raw_template_states(line, ENUMS) == reported
