"""docs/security.md: each requirement of ASVS 5.0.0, levels 1 and 2, once, and evidence that exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
# The numbers, met or not, and where, with the test.
ROWS = re.findall(r"^- \*\*(\d[\d.\s]*)\*\* \*(\S+)\*: (.*(?:\n  .*)*)$", TEXT, re.M)
# The numbers of levels 1 and 2 of OWASP ASVS 5.0.0: chapter.section, and in it the requirements.
LEVELS_1_AND_2 = """
1.1: 1 2
1.2: 1 2 3 4 5 6 7 8 9
1.3: 1 2 3 4 5 6 7 8 9 10 11
1.4: 1 2 3
1.5: 1 2
2.1: 1 2 3
2.2: 1 2 3
2.3: 1 2 3 4
2.4: 1
3.2: 1 2
3.3: 1 2 3 4
3.4: 1 2 3 4 5 6
3.5: 1 2 3 4 5
3.7: 1 2
4.1: 1 2 3
4.2: 1
4.3: 1 2
4.4: 1 2 3 4
5.1: 1
5.2: 1 2 3
5.3: 1 2
5.4: 1 2 3
6.1: 1 2 3
6.2: 1 2 3 4 5 6 7 8 9 10 11 12
6.3: 1 2 3 4
6.4: 1 2 3 4
6.5: 1 2 3 4 5
6.6: 1 2 3
6.8: 1 2 3 4
7.1: 1 2 3
7.2: 1 2 3 4
7.3: 1 2
7.4: 1 2 3 4 5
7.5: 1 2
7.6: 1 2
8.1: 1 2
8.2: 1 2 3
8.3: 1
8.4: 1
9.1: 1 2 3
9.2: 1 2 3 4
10.1: 1 2
10.2: 1 2
10.3: 1 2 3 4
10.4: 1 2 3 4 5 6 7 8 9 10 11
10.5: 1 2 3 4 5
10.6: 1 2
10.7: 1 2 3
11.1: 1 2
11.2: 1 2 3
11.3: 1 2 3
11.4: 1 2 3 4
11.5: 1
11.6: 1
12.1: 1 2 3
12.2: 1 2
12.3: 1 2 3 4
13.1: 1
13.2: 1 2 3 4 5
13.3: 1 2
13.4: 1 2 3 4 5
14.1: 1 2
14.2: 1 2 3 4
14.3: 1 2 3
15.1: 1 2 3
15.2: 1 2 3
15.3: 1 2 3 4 5 6 7
16.1: 1
16.2: 1 2 3 4 5
16.3: 1 2 3 4
16.4: 1 2 3
16.5: 1 2 3
17.1: 1
17.2: 1 2 3 4
17.3: 1 2
"""


def required() -> list[str]:
    found = []
    for line in LEVELS_1_AND_2.split("\n"):
        section, _, numbers = line.partition(": ")
        found += [f"{section}.{number}" for number in numbers.split()]
    return found


def test_each_requirement_has_one_row() -> None:
    stated = [number for numbers, *_ in ROWS for number in numbers.split()]
    assert sorted(stated) == sorted(required())
    assert len(required()) == 253  # 70 of level 1 and 183 of level 2


def test_the_summary_counts_the_rows() -> None:
    counts: dict[str, int] = {}
    for numbers, state, *_ in ROWS:
        counts[state] = counts.get(state, 0) + len(numbers.split())
    assert set(counts) == {"met", "part", "no", "site", "n/a"}
    order = ("met", "part", "no", "site", "n/a")
    assert f"Of the 253 requirements: {', '.join(f'{counts[state]} {state}' for state in order)}." in TEXT


@pytest.mark.parametrize("cell", [cell for *_, cell in ROWS])
def test_each_named_file_and_test_exists(cell: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", cell):
        assert (ROOT / "docs" / link).exists(), link
    for name in re.findall(r"`(\w[\w./-]*(?:::\w+)?)`", cell):
        path, _, test = name.partition("::")
        if "/" in path or path.endswith((".py", ".yml", ".txt")):
            assert (ROOT / path).exists(), path
        if test:
            assert f"def {test}(" in (ROOT / path).read_text(), name
