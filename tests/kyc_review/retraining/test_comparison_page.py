"""The page of a comparison says what its figures are of, and the gate has three answers."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from kyc_review.accounts.models import User
from kyc_review.training.models import Comparison
from kyc_review.training.proposals import proposal_open
from tests.factories.reports import report

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client: Client, staff: Callable[..., User]) -> User:
    user = staff("ada", "admin")
    client.force_login(user)
    return user


def page(client: Client, comparison: Comparison) -> str:
    return client.get(reverse("retraining:comparison", args=[comparison.pk])).content.decode()


def answers(html: str) -> list[str]:
    return re.findall(r'<li class="(passed|failed|undecided)">', html)


def test_weighted_figures_come_first_and_the_sample_is_put_into_words(
    client: Client, ada: User, comparison: Comparison
) -> None:
    html = page(client, comparison)
    assert "40 held-out fakes count like 20" in html
    assert html.index("of all fakes, reach a person") < html.index(
        "Unweighted: held-out fakes that reach a person"
    )
    assert answers(html) == ["passed"] * 5


def test_too_few_audited_fakes_are_no_failure_and_no_pass(
    client: Client, ada: User, comparison: Comparison
) -> None:
    comparison.report = report(audited=2, half=0.3)
    comparison.save(update_fields=["report"])
    html = page(client, comparison)
    assert answers(html) == ["undecided", "undecided", "passed", "passed", "passed"]
    assert 'name="override"' in html


def test_a_comparison_from_before_the_weights_is_shown_and_decides_nothing(
    client: Client, ada: User, comparison: Comparison
) -> None:
    old = report()
    del old["holdout"]["weighted"], old["replay"]["curve"]
    comparison.report = old
    comparison.save(update_fields=["report"])
    html = page(client, comparison)
    assert answers(html) == ["undecided"]
    assert "Compare again" in html


def test_who_approves_sees_what_the_gate_said(client: Client, ada: User, comparison: Comparison) -> None:
    comparison.report = report(audited=2)
    comparison.save(update_fields=["report"])
    proposal = proposal_open(
        comparison=comparison, actor=ada, reason="It is better.", override="More audits would take a month."
    )
    assert [check["answer"] for check in proposal.gate] == [
        "undecided",
        "passed",
        "passed",
        "passed",
        "passed",
    ]
    html = client.get(reverse("retraining:overview")).content.decode()
    assert answers(html) == ["undecided", "passed", "passed", "passed", "passed"]
    assert "40 held-out fakes count like 20" in html


def test_a_german_reader_sees_german_and_what_is_stored_or_read_by_machines_stays(
    client: Client, ada: User, comparison: Comparison
) -> None:
    User.objects.update(language="de")
    html = page(client, comparison)
    assert "Trefferquote mindestens 50 %: ja" in html
    assert "40 zurückgehaltene Fälschungen zählen wie 20" in html
    assert 'href="?shift=-0.5"' in html
    assert "gesenkt um 0,5" in html
    drawn = re.findall(r'\b(?:points|viewBox|d|cx|cy)="([^"]+)"', html)
    assert len(drawn) > 5
    assert not [place for numbers in drawn for place in re.findall(r"\d,\d+,", numbers)]
    assert all(re.fullmatch(r"[\d.]+", place) for place in re.findall(r'\bc[xy]="([^"]+)"', html))
    sent = {"reason": "Es ist besser.", "shift": "0"}
    client.post(reverse("retraining:proposals", args=[comparison.pk]), sent)
    stored = comparison.proposals.get()
    assert stored.gate[0]["name"] == "Enough audited fakes to say anything"
    assert "held-out fakes count like" in stored.gate[0]["detail"]
