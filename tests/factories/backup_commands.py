"""The commands of docs/backup.md."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "backup.md"


def commands(heading: str) -> list[str]:
    """Those below a heading, one a line, without comments."""
    section = DOCUMENT.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^ {4}\s*(.+)$", section, re.M)
    return [re.sub(r"\s+#.*", "", line) for line in lines]
