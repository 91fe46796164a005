"""Finds riddle words in our own text: `python tools/words.py [PATH ...]`. `make lint` reads the whole repository.

A riddle word is one that a reader of technical English stumbles on: archaic, ambiguous, or an idiom that a
translator would have to guess. Of Python files only comments and strings are read, of all others the whole text.
Each finding is printed as `file:line: 'word': say ...`; the exit status is 1 when there is one.
"""

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# A regular expression (blanks match line breaks too, case is ignored) and what to write instead. `nobody` in quotes is
# the Unix account.
SUGGESTIONS = {
    r"nobody(?![`\"'](?!s\b))": "no one, nothing, or the condition itself",
    r"whoever|whomever": "anyone who, the person who",
    r"whom": "who, or turn the sentence round",
    r"beside": "next to, with, in addition to",
    r"besides": "also",
    r"shall": "must, should, or the plain present",
    r"for ever": "permanently, without limit",
    r"alike": "both, equally, in the same way",
    r"in vain": "without effect, fails",
    r"lately|of late": "recently, recent",
    r"anew": "again",
    r"foretells?|foretold": "predict, preview",
    r"(?:tell|tells|told|telling) (?:\w+ )?apart": "distinguish",
    r"it serves": "it is in production, it is used",
    r"(?:look|looks|looked|looking) on": "read-only, view",
    r"(?:part|parted|parting) with": "release, give up",
    r"(?:bear|bears|bore) (?:\w+ ){1,4}out|borne out": "confirm",
    r"in spite of": "despite",
    r"for want of": "for lack of",
    r"in earnest": "in production, for real",
    r"in its stead|in their stead|in stead of": "instead",
    r"of one mind": "consistent",
    r"to no avail": "without effect",
    r"thereof|therein|thereby|whereby|whence|hereby|herein|hitherto|forthwith|lest": "plain words",
    r"as it were": "leave it out",
    r"such a one": "one, it",
    r"so (?:many|much|long)(?!\s(?:that|as)\b)": "the number, the setting or the parameter",
    r"document(?:'s)? 00\d": "system E, D, U, R or T (docs/reproductions.md)",
    r"its own affair": "is owned by, is not our concern",
}
RIDDLES = {
    re.compile(rf"\b(?:{word})\b".replace(" ", r"\s+"), re.IGNORECASE): say
    for word, say in SUGGESTIONS.items()
}

SUFFIXES = (
    ".py",
    ".md",
    ".html",
    ".js",
    ".css",
    ".sh",
    ".yml",
    ".yaml",
    ".toml",
    ".sql",
    ".example",
    "Makefile",
)
NOT_OURS = ("static/vendor/", "requirements/", "tools/words.py", "tests/tools/test_words.py")

# Paths that are still to be rewritten. This list only shrinks: an entry without a finding is an error.
NOT_YET: tuple[str, ...] = ()


class Finding(NamedTuple):
    path: str
    line: int
    word: str
    suggestion: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r}: say {self.suggestion}"


def prose(source: str, *, is_python: bool) -> str:
    """The text with everything that is no prose blanked out; lines and columns stay where they are.

    Code becomes a character that no word matches, so that a phrase cannot begin in one string and end in another. The
    signs of comments become blanks, so that a phrase may run over several comment lines.
    """
    if not is_python:
        return source
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    kept = ["\n" if character == "\n" else "\x00" for character in source]
    wanted = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    after_comment = None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in wanted:
            if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
                after_comment = None
            continue
        first = starts[token.start[0] - 1] + token.start[1]
        last = starts[token.end[0] - 1] + token.end[1]
        kept[first:last] = source[first:last]
        if token.type == tokenize.COMMENT:
            kept[first] = " "
            if after_comment is not None:
                kept[after_comment:first] = ["\n" if c == "\n" else " " for c in source[after_comment:first]]
            after_comment = last
    return "".join(kept)


def findings_in(path: str, source: str) -> Iterator[Finding]:
    text = prose(source, is_python=path.endswith(".py"))
    for pattern, suggestion in RIDDLES.items():
        for match in pattern.finditer(text):
            word = " ".join(match.group().split())
            yield Finding(path, text.count("\n", 0, match.start()) + 1, word, suggestion)


def our_files() -> list[str]:
    """Files of the repository that we wrote, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    ours = {path for path in listed if path.endswith(SUFFIXES) and not path.startswith(NOT_OURS)}
    return sorted(path for path in ours if (ROOT / path).is_file())


def check(paths: Iterable[str], *, not_yet: tuple[str, ...] = NOT_YET) -> list[str]:
    """Messages about the given files (paths relative to the repository); empty when all is well."""
    messages: list[str] = []
    pending = dict.fromkeys(not_yet, 0)
    for path in paths:
        found = sorted(
            findings_in(path, (ROOT / path).read_text(encoding="utf-8")), key=lambda finding: finding.line
        )
        entry = next((entry for entry in not_yet if path.startswith(entry)), None)
        if entry is None:
            messages += map(str, found)
        else:
            pending[entry] += len(found)
    messages += [f"{entry} is clean: remove it from NOT_YET" for entry, count in pending.items() if not count]
    return messages


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Find riddle words in comments, strings, templates and documents."
    )
    parser.add_argument("paths", nargs="*", help="files or folders below the repository; all without this")
    wanted = parser.parse_args(arguments).paths
    if wanted:
        prefixes = [str(Path(path).resolve().relative_to(ROOT)) for path in wanted]
        files = [f for f in our_files() if any(f == p or f.startswith(f"{p}/") or p == "." for p in prefixes)]
        messages = check(files, not_yet=())
    else:
        messages = check(our_files())
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
