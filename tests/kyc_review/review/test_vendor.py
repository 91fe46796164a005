import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[3] / "static" / "vendor"


def test_vendored_scripts_are_the_ones_that_the_list_names() -> None:
    listed = dict(re.findall(r"`([\w.-]+\.js)`.*`([0-9a-f]{64})`", (VENDOR / "VENDOR.md").read_text()))
    present = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    assert present == listed
