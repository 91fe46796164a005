"""The catalogues are complete and current, and every text that a reader sees can be translated."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from kyc_review.core.script_texts import SCRIPT_TEXTS
from tools import messages, untranslated


def test_every_language_has_every_text_in_full() -> None:
    texts = messages.extracted()
    assert messages.catalogues()
    assert [flaw for path in messages.catalogues() for flaw in messages.flaws(path, texts)] == []


def test_every_text_of_templates_and_scripts_can_be_translated() -> None:
    not_yet = untranslated.not_yet_marked()
    assert untranslated.check(untranslated.our_files(), not_yet=not_yet) == []


def test_scripts_use_exactly_the_texts_that_the_page_carries() -> None:
    scripts = [path for path in Path("static/js").rglob("*.js") if path.name != "texts.js"]
    used = {
        text
        for path in scripts
        for text in re.findall(r'gettext\("((?:[^"\\]|\\.)*)"', path.read_text("utf-8"))
    }
    assert used == set(SCRIPT_TEXTS)


@pytest.mark.parametrize(
    ("text", "translation", "flaw"),
    [
        ("Page", "", "has no translation"),
        (("%(n)s face", "%(n)s faces"), ("%(n)s Gesicht", ""), "has no translation"),
        ("By %(name)s", "Von %(nam)s", "has other placeholders"),
        ("By {name}", "Von", "has other placeholders"),
        ("Press <kbd>Esc</kbd>", "Drücken Sie Esc", "has other placeholders"),
        ("100 %%", "100 %", "has other placeholders"),
    ],
)
def test_a_flawed_translation_is_found(
    text: str | tuple[str, str], translation: str | tuple[str, str], flaw: str
) -> None:
    assert [found[: len(flaw)] for found in messages.flaws_of(Message(text, translation))] == [flaw]


def test_a_guessed_translation_is_found() -> None:
    assert list(messages.flaws_of(Message("Page", "Seite", flags=["fuzzy"]))) == ["is marked fuzzy"]


def test_a_plural_form_may_leave_the_number_out_where_the_original_does() -> None:
    assert not list(
        messages.flaws_of(Message(("One face", "%(n)s faces"), ("Ein Gesicht", "%(n)s Gesichter")))
    )


@pytest.mark.parametrize(
    "template",
    [
        "<p>Some words</p>",
        "<p>{{ number }} items</p>",
        '<a title="A title">·</a>',
        '<img alt="{% if a %}One{% endif %}">',
        '<input type="submit" value="Send">',
        '<p data-reason="Too small a face">1</p>',
        '{{ name|default:"No name" }}',
        "<p>{{ flag|yesno:'yes,no' }}</p>",
        '{% include "a.html" with label="Close the page" %}',
        "{{ count }}{{ count|pluralize }}",
    ],
)
def test_a_text_that_cannot_be_translated_is_found(template: str) -> None:
    assert list(untranslated.in_template("a.html", template))


@pytest.mark.parametrize(
    "template",
    [
        '<p>{% translate "Some words" %}</p>',
        "<p>{% blocktranslate trimmed with name=a.b %}For {{ name }} only{% endblocktranslate %}</p>",
        '{{ name|default:_("No name") }}',
        '{% include "a.html" with label=_("Close the page") %}',
        '<p class="{{ flag|yesno:"on,off" }}" data-key="Enter">{{ day|date:"SHORT_DATE_FORMAT" }}</p>',
        "<kbd>Esc</kbd> <code>sha256</code> {# a comment #} 5 MB · 3 %",
        "{% comment %}some words{% endcomment %}",
    ],
)
def test_what_is_marked_or_the_same_everywhere_is_not_found(template: str) -> None:
    assert not list(untranslated.in_template("a.html", template))


def test_a_sentence_in_a_script_is_found_unless_gettext_has_it() -> None:
    assert list(untranslated.in_script("a.js", 'announce("No connection.");'))
    assert not list(untranslated.in_script("a.js", 'announce(gettext("No connection."));'))


def test_a_merge_keeps_both_sides_texts(tmp_path: Path) -> None:
    def written(name: str, texts: dict[str, str]) -> Path:
        catalog = Catalog(locale="de")
        for text, translation in texts.items():
            catalog.add(text, translation)
        folder = tmp_path / name
        folder.mkdir()
        messages.write(catalog, folder / "django.po")
        return folder / "django.po"

    base = written("base", {"A": "", "B": "Be"})
    ours = written("ours", {"A": "", "B": "Be", "C": "Ce"})
    theirs = written("theirs", {"A": "Ah", "B": "B.", "D": "De"})
    for suffix in (".po", ".mo"):
        sides = [path.with_suffix(suffix) for path in (base, ours, theirs)]
        assert messages.main(["merge", *map(str, sides), f"django{suffix}"]) == 0
        with sides[1].open("rb") as file:
            merged = read_mo(file) if suffix == ".mo" else read_po(file)
        assert {one.id: one.string for one in merged if one.id} == {
            "A": "Ah",
            "B": "B.",
            "C": "Ce",
            "D": "De",
        }
