"""Finds raw SQL that names another app's tables: `python tools/raw_sql.py`. `make lint` runs it.

Import contracts do not see SQL, so a statement may reach over a layer unnoticed. A table belongs to the app whose
label its name begins with; the text of a statement may stand only in that app. Migrations may name what they depend
on. Each finding is printed as `file:line: table of app`; the exit status is 1 when there is one.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ROOT / "kyc_review"
# A table stands after one of these words. A column of the same spelling, such as item_id, does not.
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|ONLY|TABLE|LOCK|TRUNCATE|ON|,)\s+\"?([a-z]+)_([a-z0-9_]+)\"?")
STATEMENT = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|JOIN|WITH|TRUNCATE)\b")


class Finding(NamedTuple):
    path: str
    line: int
    table: str
    owner: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.table} is a table of {self.owner}; use the ORM or a selector of it"


def apps(product: Path = PRODUCT) -> set[str]:
    """The packages that have tables."""
    return {folder.parent.name for folder in product.glob("*/migrations")}


def findings(product: Path = PRODUCT) -> Iterator[Finding]:
    owners = apps(product)
    for path in sorted(product.rglob("*.py")):
        inside = path.relative_to(product)
        if "migrations" in inside.parts:
            continue
        for line, text in strings(path.read_text()):
            if not STATEMENT.search(text):
                continue
            for named in TABLE.finditer(text):
                owner, name = named.groups()
                if owner in owners and owner != inside.parts[0]:
                    where = line + text.count("\n", 0, named.start())
                    yield Finding(f"{product.name}/{inside}", where, f"{owner}_{name}", owner)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Each string of a module with the line that it begins on; what an f-string fills in becomes a blank."""
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            inside.update(node.values)
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.lineno, node.value


def main() -> int:
    found = list(findings())
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
