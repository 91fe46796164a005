"""Finds lines of templates and documents that are longer than 120 characters; `make lint` runs it.

Ruff checks Python. A line that is nothing but one address may be longer.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120

# Paths that are still to be wrapped. This list only shrinks: an entry without a long line is an error.
NOT_YET: tuple[str, ...] = ()


def long_lines(source: str) -> list[int]:
    """Numbers of the lines that are too long."""
    return [
        number
        for number, line in enumerate(source.splitlines(), start=1)
        if len(line) > LIMIT
        and not (line.strip().startswith(("http://", "https://")) and " " not in line.strip())
    ]


def our_files() -> list[str]:
    """Templates and documents of the repository, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.html", "*.md"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    return sorted(
        {path for path in listed if not path.startswith("static/vendor/") and (ROOT / path).is_file()}
    )


def check(paths: Iterable[str], *, not_yet: tuple[str, ...] = NOT_YET) -> list[str]:
    """Messages about the given files (paths relative to the repository); empty when all is well."""
    messages: list[str] = []
    pending = dict.fromkeys(not_yet, 0)
    for path in paths:
        numbers = long_lines((ROOT / path).read_text(encoding="utf-8"))
        entry = next((entry for entry in not_yet if path.startswith(entry)), None)
        if entry is None:
            messages += [f"{path}:{number}: longer than {LIMIT} characters" for number in numbers]
        else:
            pending[entry] += len(numbers)
    messages += [f"{entry} is clean: remove it from NOT_YET" for entry, count in pending.items() if not count]
    return messages


if __name__ == "__main__":
    found = check(our_files())
    for message in found:
        print(message)
    sys.exit(1 if found else 0)
