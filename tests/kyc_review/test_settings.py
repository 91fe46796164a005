from collections import Counter
from importlib import import_module
from pathlib import Path

from kyc_review import settings


def test_each_setting_is_set_in_one_module_only() -> None:
    """The star imports of `kyc_review.settings` would hide which of two wins."""
    folder = Path(settings.__file__).parent
    names: Counter[str] = Counter()
    for path in folder.glob("*.py"):
        if path.stem != "__init__":
            lines = path.read_text().splitlines()
            names.update(
                {line.split(" ")[0].rstrip(":") for line in lines if line[:1].isupper() and "=" in line}
            )
            assert import_module(f"kyc_review.settings.{path.stem}")
    assert len(names) > 100
    assert [name for name, times in names.items() if times > 1] == []
