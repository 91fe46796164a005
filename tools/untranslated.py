"""Finds texts that readers see and that cannot be translated: `python tools/untranslated.py [PATH ...]`.

In templates: text between elements, attributes that are read or shown, and strings in tags and filters, unless they
are marked (`{% translate %}`, `{% blocktranslate %}`, `_("...")`). In scripts: strings that look like a sentence and
are no argument of `gettext`. `make lint` reads the whole repository.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from django.template.base import Lexer, Token, TokenType

ROOT = Path(__file__).resolve().parents[1]
READ_ATTRIBUTES = {
    "title",
    "aria-label",
    "aria-description",
    "aria-roledescription",
    "placeholder",
    "alt",
    "label",
}
READ_ATTRIBUTES |= {"hx-confirm", "hx-prompt"}
BUTTONS = {"submit", "button", "reset"}
# Their content is for machines, or the same in every language.
NOT_READ = {"script", "style", "code", "kbd", "samp"}
# Names and units that no language changes. Whatever is left of a text without these must hold no letter.
SAME_EVERYWHERE = {
    *(
        "API",
        "CSV",
        "Ctrl",
        "HTTP",
        "JPEG",
        "JSON",
        "KYC",
        "PNG",
        "RFC",
        "SHA-256",
        "Slack",
        "Swagger",
        "TOTP",
        "UTC",
    ),
    *("GB", "MB", "kB", "px", "ms", "min", "h", "s"),
    *("English", "Deutsch", "ID", "URL", "Teams", "Microsoft", "EXIF", "PRNU", "IP", "GPU", "CPU"),
}
LETTER = re.compile(r"[^\W\d_]")
WORD = re.compile(r"[^\W_][\w-]*")
STRING = re.compile(r"""(?<![\w(])(?P<quote>["'])(?P<text>.*?)(?P=quote)""")
MARKED = re.compile(r"""_\((["']).*?\1\)""")
# Tags whose strings no person reads.
TAGS_WITHOUT_TEXT = {
    *(
        "block",
        "cycle",
        "elif",
        "endblock",
        "extends",
        "for",
        "get_current_language",
        "if",
        "ifchanged",
        "load",
    ),
    *("now", "static", "trans", "translate", "url"),
}
SENTENCE = re.compile(
    r"""(?P<before>.{0,12})(?P<quote>["'`])(?P<text>[A-Z][a-z']*\s(?:(?!(?P=quote)).)*)(?P=quote)"""
)

# Files that are still to be marked, one a line. The list only shrinks: an entry without a finding is an error, which
# `--prune` removes. The file is deleted with the last one.
NOT_YET = ROOT / "tools/not_yet_translated.txt"


class Finding(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text!r} is not marked for translation"


def has_words(text: str) -> bool:
    return any(LETTER.search(word) and word not in SAME_EVERYWHERE for word in WORD.findall(text))


class _Page(HTMLParser):
    """Collects what a reader sees of a template from which tags and marked texts were taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self.skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skipped += tag in NOT_READ
        values = dict(attrs)
        for name, value in attrs:
            is_button = name == "value" and tag == "input" and values.get("type") in BUTTONS
            is_sentence = name.startswith("data-") and re.match(r"[A-Z][a-z]+ [a-z]", value or "")
            if (name in READ_ATTRIBUTES or is_button or is_sentence) and has_words(value or ""):
                self.found.append((self.getpos()[0], f"{name}={value}"))

    def handle_endtag(self, tag: str) -> None:
        self.skipped -= tag in NOT_READ

    def handle_data(self, data: str) -> None:
        if not self.skipped and has_words(data):
            self.found.append((self.getpos()[0], " ".join(data.split())))


def strings_in(token: Token, *, is_in_tag: bool) -> Iterator[str]:
    """Unmarked strings of a variable or a tag that a reader could see."""
    contents = MARKED.sub("", token.contents)
    if token.token_type is TokenType.BLOCK and token.split_contents()[0] in TAGS_WITHOUT_TEXT:
        return
    if token.token_type is TokenType.VAR and re.search(r"\|pluralize\b", contents):
        yield contents
    for match in STRING.finditer(contents):
        text = match["text"]
        if re.search(r"\|(?:date|time|at|cut|join|add|is\w*):$", contents[: match.start()]):
            continue
        is_shown = token.token_type is TokenType.VAR and not is_in_tag
        if has_words(text) and (is_shown or re.match(r"[A-Z]", text) or " " in text.strip()):
            yield text


def in_template(path: str, source: str) -> Iterator[Finding]:
    kept: list[str] = []
    end_of_skipped = ""
    for token in Lexer(source).tokenize():
        lines = "\n" * token.contents.count("\n")
        if end_of_skipped:
            if token.token_type is TokenType.BLOCK and token.contents.split()[0] in end_of_skipped.split("|"):
                end_of_skipped = ""
            kept.append(lines)
            continue
        if token.token_type is TokenType.TEXT:
            kept.append(token.contents)
            continue
        kept.append(lines)
        if token.token_type is TokenType.COMMENT:
            continue
        name = token.contents.split()[0]
        if token.token_type is TokenType.BLOCK and name in (
            "blocktranslate",
            "blocktrans",
            "comment",
            "verbatim",
        ):
            end_of_skipped = f"end{name}"
            continue
        so_far = "".join(kept)
        is_in_tag = so_far.rfind("<") > so_far.rfind(">")
        for text in strings_in(token, is_in_tag=is_in_tag):
            yield Finding(path, token.lineno or 0, text)
    page = _Page()
    page.feed("".join(kept))
    page.close()
    for line, text in page.found:
        yield Finding(path, line, text)


def in_script(path: str, source: str) -> Iterator[Finding]:
    for number, line in enumerate(source.splitlines(), start=1):
        for match in SENTENCE.finditer(re.sub(r"(?:^|\s)//.*", "", line)):
            if not match["before"].endswith("gettext("):
                yield Finding(path, number, match["text"])


def findings_in(path: str) -> list[Finding]:
    source = (ROOT / path).read_text(encoding="utf-8")
    return list((in_template if path.endswith(".html") else in_script)(path, source))


def our_files() -> list[str]:
    """Templates and scripts of the product, those not yet committed included."""
    patterns = ("templates/*.html", "static/js/*.js", "static/js/**/*.js")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    return sorted({path for path in listed if (ROOT / path).is_file()})


def not_yet_marked() -> list[str]:
    return NOT_YET.read_text(encoding="utf-8").split() if NOT_YET.exists() else []


def check(paths: Iterable[str], *, not_yet: Iterable[str] = ()) -> list[str]:
    """Messages about the given files (paths relative to the repository); empty when all is well."""
    messages: list[str] = []
    pending = dict.fromkeys(not_yet, 0)
    for path in paths:
        found = findings_in(path)
        if path in pending:
            pending[path] += len(found)
        else:
            messages += map(str, found)
    messages += [f"{entry} is clean: remove it with --prune" for entry, count in pending.items() if not count]
    return messages


def main(arguments: list[str]) -> int:
    if arguments == ["--prune"]:
        left = [path for path in not_yet_marked() if (ROOT / path).exists() and findings_in(path)]
        NOT_YET.write_text("".join(f"{path}\n" for path in left), encoding="utf-8")
        return 0
    messages = check(arguments) if arguments else check(our_files(), not_yet=not_yet_marked())
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
