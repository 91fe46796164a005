"""What docs/automation.md shows is there."""

import re
from pathlib import Path

from django.urls import resolve

from tests.factories.scripts import LOOP

TEXT = (Path(__file__).parents[4] / "docs" / "automation.md").read_text()


def test_every_address_of_the_text_is_one_of_the_api() -> None:
    shown = re.findall(r"\$LOOP/([\w/$-]+)", TEXT)
    shown += re.findall(r"`(?:POST |GET )?((?:runs|comparisons|snapshots|bundles)/[\w$/]+)`", TEXT)
    assert len(shown) > 15
    for path in shown:
        there = re.sub(r"\$(RUN|COMPARISON|PROPOSAL|NUMBER)", "1", path)
        there = re.sub(r"\$CANDIDATE|DIGEST", "ab", there)
        resolve(f"{LOOP}/{there}")
