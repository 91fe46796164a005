"""The catalogues of translations in `locale/`: `make messages` brings them up to date, `make lint` checks them.

Texts are collected from Python (`gettext`, `gettext_lazy`, `gettext_noop`, `ngettext`, `pgettext` and their kin) and
from templates (`{% translate %}`, `{% blocktranslate %}`, `_("...")`). A new text is added without a translation, one
that is gone is removed, and nothing is guessed. Neither GNU gettext nor a database is needed.
"""

import argparse
import datetime as dt
import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "locale"
SOURCES = ("kyc_review", "detection", "estimation", "ml", "templates")
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# Of the header only what a reader of the file needs: the rest is a form to fill in, or changes with every run.
HEADER = re.compile(rb'^"(?!Language:|Plural-Forms:|MIME-Version:|Content-)[A-Z][\w-]+:.*\n', re.MULTILINE)
NO_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
# What a translation must contain as often as the original: values, elements and entities.
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w*\}|</?[a-z][^>]*>|&\w+;")


def sources() -> list[Path]:
    """Python files and templates of the product, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *SOURCES]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    wanted = {path for path in listed if path.endswith((".py", ".html")) and "/migrations/" not in path}
    return sorted(path for path in map(ROOT.joinpath, wanted) if path.is_file())


def extracted() -> Catalog:
    """Every text that is marked for translation, with the names of the files that have it."""
    found = Catalog(charset="utf-8")
    for path in sources():
        name = str(path.relative_to(ROOT))
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            # In parentheses no indentation counts.
            source = f"({templatize(source, origin=name)}\n)"
        if "gettext" not in source and "_(" not in source:
            continue
        for line, text, comments, context in extract(
            "python", io.BytesIO(source.encode()), KEYWORDS, ("Translators:",)
        ):
            found.add(text, locations=[(name, line)], auto_comments=comments, context=context)
    for message in found:
        message.locations = sorted({(name, 0) for name, _ in message.locations})
    return found


def read(path: Path) -> Catalog:
    """The .po catalogue of a language, `locale/<language>/LC_MESSAGES/django.po`."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], domain="django")


def updated(current: Catalog, texts: Catalog) -> Catalog:
    """The texts with the translations that there are; one whose shape changed loses its translation."""
    fresh = Catalog(locale=current.locale, header_comment=current.header_comment, fuzzy=False)
    for text in texts:
        if not text.id:
            continue
        known = current.get(text.id, text.context)
        is_same = known is not None and isinstance(known.id, str) == isinstance(text.id, str)
        fresh.add(
            text.id,
            known.string if known and is_same else None,
            locations=text.locations,
            auto_comments=text.auto_comments,
            user_comments=known.user_comments if known else (),
            flags=known.flags if known and is_same else (),
            context=text.context,
        )
    return fresh


def write(catalog: Catalog, path: Path) -> None:
    """The .po file and, next to it, the compiled .mo file that Django reads."""
    path.write_bytes(_as_text(catalog))
    path.with_suffix(".mo").write_bytes(_compiled(catalog))


def _as_text(catalog: Catalog) -> bytes:
    text = io.BytesIO()
    write_po(text, catalog, width=110, sort_output=True, include_lineno=False, ignore_obsolete=True)
    header, blank, rest = text.getvalue().partition(b"\n\n")
    return HEADER.sub(b"", header + b"\n") + blank[1:] + rest


def _compiled(catalog: Catalog) -> bytes:
    catalog.creation_date = catalog.revision_date = NO_DATE
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    return compiled.getvalue()


def catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def update() -> int:
    texts = extracted()
    for path in catalogues():
        catalog = updated(read(path), texts)
        write(catalog, path)
        missing = [message for message in catalog if message.id and not _strings(message)]
        print(f"{path.relative_to(ROOT)}: {len(catalog)} texts, {len(missing)} without translation")
    return 0


def fill(path: Path, given: dict[str, str | list[str]]) -> int:
    """Take translations from `{text: translation}`: a list for plural forms, `context|text` for a context."""
    catalog = read(path)
    unknown = dict(given)
    for message in catalog:
        text = message.id if isinstance(message.id, str) else message.id[0]
        key = f"{message.context}|{text}" if message.context else text
        if message.id and key in unknown and isinstance(unknown[key], str) == isinstance(message.id, str):
            string = unknown.pop(key)
            message.string = string if isinstance(string, str) else tuple(string)
    write(catalog, path)
    print("\n".join(f"not in the catalogue, or with other plural forms: {text!r}" for text in unknown))
    return 1 if unknown else 0


def _strings(message: Message) -> list[str]:
    """The translations, one for each plural form; none if one is missing."""
    strings = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return strings if all(strings) else []


def _key(message: Message) -> tuple[str | None, tuple[str, ...]]:
    return message.context, (message.id,) if isinstance(message.id, str) else tuple(message.id)


def flaws_of(message: Message) -> Iterator[str]:
    """What is wrong with one translation."""
    if message.fuzzy:
        yield "is marked fuzzy"
    if not (strings := _strings(message)):
        yield "has no translation"
        return
    originals = [message.id] if isinstance(message.id, str) else list(message.id)
    wanted = [Counter(PLACEHOLDER.findall(original)) for original in originals]
    for string in strings:
        if Counter(PLACEHOLDER.findall(string)) not in wanted:
            yield f"has other placeholders in its translation {string!r}"
        if string != string.strip():
            yield f"has blanks around its translation {string!r}"


def flaws(path: Path, texts: Catalog) -> list[str]:
    """What is wrong with a language's files; empty if they are complete and current."""
    name = path.relative_to(ROOT)
    catalog = read(path)
    there, wanted = ({_key(message) for message in one if message.id} for one in (catalog, texts))
    found = [f"{name} lacks {key[1][0]!r}: run make messages" for key in sorted(wanted - there, key=str)]
    found += [f"{name} has {key[1][0]!r}, which is gone: run make messages" for key in there - wanted]
    for message in catalog:
        if message.id:
            found += [f"{name}: {_key(message)[1][0]!r} {flaw}" for flaw in flaws_of(message)]
    with path.with_suffix(".mo").open("rb") as file:
        compiled = {_key(one): _strings(one) for one in read_mo(file) if one.id}
    if compiled != {_key(one): _strings(one) for one in catalog if one.id and _strings(one)}:
        found.append(f"{name.with_suffix('.mo')} differs from {name}: run make messages")
    return found


def check() -> int:
    texts = extracted()
    found = [flaw for path in catalogues() for flaw in flaws(path, texts)]
    print("\n".join(found) or "translations: complete")
    return 1 if found else 0


def merge(base: Path, ours: Path, theirs: Path, *, is_compiled: bool) -> int:
    """A merge driver for git: each text's translation as that side has it which changed it, ours where both did."""

    def load(path: Path) -> Catalog:
        with path.open("rb") as file:
            return read_mo(file) if is_compiled else read_po(file, locale="de", domain="django")

    old, mine, other = map(load, (base, ours, theirs))
    before = {_key(message): message.string for message in old if message.id}
    for message in other:
        if not message.id:
            continue
        known = mine.get(message.id, message.context)
        is_new = _key(message) not in before
        if is_new and (known is None or _key(known) != _key(message)):
            mine.delete(message.id, message.context)  # there as another text, with a plural or without
            mine[message.id] = message
        elif (
            known is not None
            and _key(known) == _key(message)
            and _strings(message)
            and before.get(_key(known)) in (known.string, None)
        ):
            known.string = message.string
    ours.write_bytes(_compiled(mine) if is_compiled else _as_text(mine))
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Update or check the catalogues of translations.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("update", help="collect the texts, keep their translations, compile")
    commands.add_parser("check", help="fail when a catalogue is out of date or incomplete")
    merging = commands.add_parser("merge", help="for git: merge %%O %%A %%B %%P")
    for name in ("base", "ours", "theirs", "name"):
        merging.add_argument(name, type=Path)
    filling = commands.add_parser("fill", help="take translations from a JSON file {text: translation}")
    filling.add_argument("language")
    filling.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "fill":
        return fill(LOCALE / given.language / "LC_MESSAGES/django.po", json.loads(given.file.read_text()))
    if given.command == "merge":
        return merge(given.base, given.ours, given.theirs, is_compiled=given.name.suffix == ".mo")
    return update() if given.command == "update" else check()


if __name__ == "__main__":
    sys.exit(main())
