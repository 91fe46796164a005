"""The documents name only files, functions, settings and tables that exist."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# These three quote addresses, commands and folders of data as well.
OTHERS = {"automation.md", "recipes.md", "retraining.md"}
DOCUMENTS = (
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if path.name not in OTHERS),
)
QUOTED = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?:\(.*\))?")
# Names of Django, HTTP, PgBouncer, Kubernetes and OpenID Connect, examples, and data outside of the repository.
FOREIGN = frozenset(
    {
        "../shared/data",
        "AddIndexConcurrently",
        "ignore_startup_parameters",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_SAMPLER",
        "PROMETHEUS_URL",
        "ReadWriteMany",
        "acrs",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutObject",
        "kyc_review.W002",
        "kycreview",
        "log_min_duration_statement",
        "multipart/form-data",
        "pg_wal",
        "postMessage",
        "receiver.py",
        "vX.Y.Z",
    }
)


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    return frozenset(listed.splitlines())


@cache
def source() -> str:
    """The code and its settings, without documents and without this test."""
    suffixes = (".py", ".toml", ".example", ".sh", "Makefile", ".html", ".yml")
    own = Path(__file__).relative_to(ROOT).as_posix()
    files = sorted(path for path in tracked() if path.endswith(suffixes) and path != own)
    return "\n".join((ROOT / path).read_text(encoding="utf-8") for path in files if (ROOT / path).is_file())


@cache
def words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", source()))


def unknown(quoted: str) -> bool:
    """Whether the quoted word is the path of a file, or a Python name, that does not exist."""
    if quoted in FOREIGN:
        return False
    if re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+/|[\w.-]+\.(?:py|md|toml|sql|css|html)", quoted):
        path = quoted.rstrip("/")
        if re.match(r"[A-Z_]+/", quoted):  # below a folder that a setting names
            return path.partition("/")[0] not in source()
        if quoted.count("/") == 1 and quoted.endswith("/"):  # the table of apps
            return not any(file.startswith((quoted, f"kyc_review/{quoted}")) for file in tracked())
        return not any(
            file == path or file.startswith(f"{path}/") or file.endswith(f"/{path}") for file in tracked()
        )
    if NAME.fullmatch(quoted):
        return not words().issuperset(quoted.partition("(")[0].split("."))
    return False


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_names_exists(document: str) -> None:
    text = re.sub(r"^ {4}.*$", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = QUOTED.findall(text)
    assert names
    assert [name for name in names if unknown(name)] == []


@pytest.mark.parametrize(
    "name", ["kyc_review/pipeline/gone.py", "gone/", "proposal_close_at_once", "Right.FLY", "gone_gate()"]
)
def test_what_does_not_exist_is_found(name: str) -> None:
    assert unknown(name)


@pytest.mark.parametrize(
    "name", ["kyc_review/core/leases.py", "devstack/", "proposal_open", "Right.PROMOTE", "gate()"]
)
def test_what_exists_is_known(name: str) -> None:
    assert not unknown(name)
