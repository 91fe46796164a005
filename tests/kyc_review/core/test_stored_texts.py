"""Texts that are stored in English and shown in the reader's language."""

import pytest
from django.utils import translation
from django.utils.translation import gettext

import kyc_review.urls  # noqa: F401  (loads every module of the pages, and so every template)
from kyc_review.core.numbers import number, percentage
from kyc_review.core.stored_texts import PLACE, shown, templates

FOUND = {"number": "7", "name": "set-a", "value": "phone", "error": "no space left"}


@pytest.mark.parametrize("template", templates())
def test_every_template_is_found_again_in_what_was_made_of_it(template: str) -> None:
    values = {name: FOUND.get(name, f"{name}-1") for name in PLACE.findall(template)}
    with translation.override("de"):
        assert shown(template % values if values else template) == (
            gettext(template) % values if values else gettext(template)
        )


def test_numbers_and_stored_texts_within_a_text_are_translated_too() -> None:
    text = "12 selfies since the promotion and 1,040 in the week before it; 200 of each are needed."
    assert shown(text) == text
    with translation.override("de"):
        assert shown(text) == (
            "12 Selfies seit der Freischaltung und 1.040 als Vergleich (die Woche davor); je 200 sind nötig."
        )


def test_what_somebody_or_something_is_called_is_no_number() -> None:
    with translation.override("de"):
        assert shown("ada proposes 1.2 for production") == "ada schlägt 1.2 zur Freischaltung vor"


def test_sentences_of_people_stay_between_translated_ones() -> None:
    with translation.override("de"):
        told = shown(
            "The process died 3 times. It was ended by SIGKILL (out of memory?). last line of the log"
        )
    assert told == (
        "Der Prozess endete 3 Mal unerwartet. Beendet durch SIGKILL (zu wenig Speicher?). last line of the log"
    )


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    assert (number(1234.56, ",.1f"), number(-0.5, "+.2f"), percentage(0.125)) == (
        "1,234.6",
        "-0.50",
        "12.5 %",
    )
    with translation.override("de"):
        assert (number(1234.56, ",.1f"), number(-0.5, "+.2f"), percentage(0.125)) == (
            "1.234,6",
            "-0,50",
            "12,5 %",
        )


def test_a_place_at_the_end_of_a_template_leaves_the_next_sentence_alone() -> None:
    text = (
        "Recall changes most for the worse in Shorter side “under 300 px”: -4 points (-9 to +1, 40 faces). "
        "Intervals allow for the number of groups."
    )
    with translation.override("de"):
        assert shown(text) == (
            "Die Trefferquote verschlechtert sich am meisten bei Kürzere Seite „unter 300 px“: -4 Punkte (-9 bis +1, "
            "40 Gesichter). Die Intervalle berücksichtigen die Anzahl der Gruppen."
        )
