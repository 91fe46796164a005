"""The badge of a reason has the reason as its class; no other rule of its pages may name that class alone."""

import re
from pathlib import Path

import pytest

from kyc_review.review.models import ReviewItem

CSS = Path(__file__).parents[3] / "static" / "css"


@pytest.mark.parametrize("sheet", ["base.css", "review.css", "insights.css", "viewer.css"])
def test_no_style_of_something_else_reaches_a_reason(sheet: str) -> None:
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", (CSS / sheet).read_text(), flags=re.S))
    names = "|".join(ReviewItem.Reason.values)
    bare = re.compile(rf"(?<![\w-])\.({names})(?![\w-])")
    for selector in (one.strip() for group in selectors for one in group.split(",")):
        assert ".reason" in selector or not bare.search(selector), f"{sheet}: {selector}"
