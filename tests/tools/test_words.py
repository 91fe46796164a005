"""tools/words.py and tools/line_length.py: what they find and what they leave alone."""

from pathlib import Path

import pytest

from tools import line_length, words


def found(path: str, source: str) -> list[tuple[int, str]]:
    return sorted((finding.line, finding.word) for finding in words.findings_in(path, source))


def test_a_riddle_word_in_a_document_is_named_with_its_line_and_a_suggestion() -> None:
    (finding,) = words.findings_in("docs/a.md", "One line.\nNobody may do this.\n")
    assert str(finding) == "docs/a.md:2: 'Nobody': say no one, nothing, or the condition itself"


@pytest.mark.parametrize(
    "text",
    [
        "besides",
        "Shall we?",
        "for\never",
        "told people apart",
        "in  spite of",
        "for so\nlong",
        "document 004",
    ],
)
def test_words_are_found_in_any_case_and_across_line_breaks(text: str) -> None:
    assert len(found("a.html", text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "shallow",
        "marshalled",
        "whomsoeverish",
        "for every",
        "beside_the_point",
        "alikeness",
        "so many that it fails",
        "so long as",
    ],
)
def test_parts_of_longer_words_are_left_alone(text: str) -> None:
    assert found("a.md", text) == []


def test_only_comments_and_strings_of_python_are_read() -> None:
    source = '"""Kept beside it."""\n\nnobody = beside(whom)  # in vain\nmessage = f"{name} shall wait"\n'
    assert found("a.py", source) == [(1, "beside"), (3, "in vain"), (4, "shall")]


def test_a_phrase_may_run_over_two_comment_lines_but_not_over_two_strings() -> None:
    assert found("a.py", "x = 1\n# kept for\n# ever\n") == [(2, "for ever")]
    assert found("a.py", 'x = ("for", "ever")\n') == []


def test_a_listed_path_that_is_clean_must_leave_the_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(words, "ROOT", tmp_path)
    (tmp_path / "clean.md").write_text("Plain words.\n")
    (tmp_path / "old.md").write_text("Nobody knows.\n")
    assert words.check(["clean.md", "old.md"], not_yet=("old.md",)) == []
    assert words.check(["clean.md", "old.md"], not_yet=("old.md", "clean.md")) == [
        "clean.md is clean: remove it from NOT_YET"
    ]
    assert len(words.check(["clean.md", "old.md"], not_yet=())) == 1


def test_a_line_of_more_than_120_characters_is_named_unless_it_is_one_address() -> None:
    assert line_length.long_lines("x" * 120 + "\n" + "y" * 121 + "\n") == [2]
    assert line_length.long_lines("https://bank.example/" + "x" * 120 + "\n") == []
