"""Finds raw values of state enums in `kyc_review` and in templates; `make lint` runs it.

A state, verdict or label is written as the member of its enum (`Verdict.CLEAR`): then a search for the member finds
every use. Reported, where they hold such a value as a string: keyword arguments and comparisons of a state field,
collections and mappings whose strings are all values of one enum, a `Value("...")` of a query, and a comparison in a
template, which writes `item.state == item.State.DECIDED`.

Not read: migrations, `class Meta` (constraints are frozen there, as in migrations), the enums themselves, and the
schemas of the API (`api/`), which publish the values.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# File and class of each enum, and the fields that hold its values.
ENUMS = {
    ("detection/voting.py", "Verdict"): {"verdict", "scoring_verdict"},
    ("detection/checks.py", "CheckStatus"): {"status"},
    ("kyc_review/submissions/models.py", "State"): {"state"},
    ("kyc_review/submissions/models.py", "Result"): {"result"},
    ("kyc_review/submissions/models.py", "Finding"): {"finding"},
    ("kyc_review/submissions/check_policy.py", "Action"): {"action"},
    ("kyc_review/review/models/items.py", "State"): {"state"},
    ("kyc_review/review/models/reasons.py", "Reason"): {
        "reason",
        "shown_reason",
        "masked_reason",
        "queue_reason",
    },
    ("kyc_review/review/models/decisions.py", "Label"): {"label", "first", "models"},
    ("kyc_review/review/models/audits.py", "Outcome"): {"outcome"},
    ("kyc_review/evidence/models.py", "State"): {"state"},
    ("kyc_review/datasets/models.py", "State"): {"state"},
    ("kyc_review/registry/models.py", "Source"): {"source"},
    ("kyc_review/registry/models.py", "Kind"): {"kind"},
    ("kyc_review/training/models/jobs.py", "State"): {"state"},
    ("kyc_review/training/models/proposals.py", "State"): {"state"},
    ("kyc_review/training/gate.py", "Answer"): {"answer"},
    ("kyc_review/webhooks/models.py", "Kind"): {"kind"},
    ("kyc_review/webhooks/models.py", "State"): {"state"},
}
ENUM_BASES = ("TextChoices", "StrEnum")
TEMPLATE_COMPARISON = re.compile(r'\.(\w+) [=!]= "(\w+)"')


@dataclass(frozen=True)
class StateEnums:
    """`by_field`: the values that a field can hold; `families`: the values of each enum."""

    by_field: dict[str, set[str]] = field(default_factory=dict)
    families: list[frozenset[str]] = field(default_factory=list)


def read_enums(root: Path = ROOT) -> StateEnums:
    """Values of ENUMS, as the source has them. Raises LookupError when a class has moved."""
    enums = StateEnums()
    for (path, name), fields in ENUMS.items():
        values = _values_of(ast.parse((root / path).read_text(encoding="utf-8")), name)
        if not values:
            raise LookupError(f"{path} has no enum {name}: correct ENUMS in tools/raw_states.py")
        enums.families.append(frozenset(values))
        for one in fields:
            enums.by_field.setdefault(one, set()).update(values)
    return enums


def _values_of(tree: ast.Module, name: str) -> set[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and _is_enum(node):
            assigned = [line.value for line in node.body if isinstance(line, ast.Assign)]
            firsts = [value.elts[0] if isinstance(value, ast.Tuple) else value for value in assigned]
            return {text for text in map(_text, firsts) if text is not None}
    return set()


def _is_enum(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(ENUM_BASES) for base in node.bases)


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def raw_states(source: str, enums: StateEnums) -> list[tuple[int, str]]:
    """Line and text of each raw value, in order and without repetition."""
    found = {hit for node in _nodes(ast.parse(source)) for hit in _hits(node, enums)}
    return sorted(found)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those of enums and of `class Meta`."""
    if isinstance(node, ast.ClassDef) and (_is_enum(node) or node.name == "Meta"):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _nodes(child)


def _hits(node: ast.AST, enums: StateEnums) -> Iterator[tuple[int, str]]:
    match node:
        case ast.keyword(arg=str(name), value=value):
            yield from _raw(value, enums.by_field.get(_field_of_lookup(name), set()))
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            fields = {name for name in map(_last_name, sides) if name}
            allowed = set().union(*(enums.by_field.get(name, set()) for name in fields))
            for side in sides:
                yield from _raw(side, allowed)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            yield from _family(parts, enums)
        case ast.Dict(keys=keys, values=values):
            yield from _family([key for key in keys if key is not None], enums)
            yield from _family(values, enums)
        case ast.Call(func=ast.Name(id="Value"), args=[value]):
            yield from _raw(value, set().union(*enums.families))


def _field_of_lookup(name: str) -> str:
    """`scoring__verdict__in` -> `verdict`."""
    parts = [part for part in name.split("__") if part not in ("in", "exact", "ne")]
    return parts[-1] if parts else name


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return None


def _raw(node: ast.expr, values: set[str]) -> Iterator[tuple[int, str]]:
    parts = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]
    for part in parts:
        text = _text(part)
        if text is not None and text in values:
            yield part.lineno, text


def _family(parts: list[ast.expr], enums: StateEnums) -> Iterator[tuple[int, str]]:
    """Two or more strings that are all values of one enum ("" aside, which means none)."""
    texts = [(part.lineno, text) for part in parts if (text := _text(part))]
    values = {text for _, text in texts}
    whole = all(_text(part) is not None for part in parts)
    if whole and len(values) > 1 and any(values <= family for family in enums.families):
        yield from texts


def raw_template_states(text: str, enums: StateEnums) -> list[tuple[int, str]]:
    """(line, value) of comparisons with a raw value. Labels are left out: a form posts their values."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for name, value in TEMPLATE_COMPARISON.findall(line):
            if name != "label" and value in enums.by_field.get(name, ()):
                found.append((number, value))
    return found


def our_files() -> list[str]:
    """Modules of kyc_review without migrations and API schemas, those not yet committed included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "kyc_review/*.py"]
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    skipped = {"migrations", "api"}
    return sorted(
        {path for path in listed if not skipped & set(Path(path).parts) and (ROOT / path).is_file()}
    )


def main() -> int:
    """Print what was found; 1 when there is any."""
    enums = read_enums()
    messages = [
        f'{path}:{line}: raw value "{text}": use the member of its enum'
        for path in our_files()
        for line, text in raw_states((ROOT / path).read_text(encoding="utf-8"), enums)
    ]
    messages += [
        f'{path.relative_to(ROOT)}:{line}: raw value "{text}": compare with the member of its enum'
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for line, text in raw_template_states(path.read_text(encoding="utf-8"), enums)
    ]
    for message in messages:
        print(message)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
