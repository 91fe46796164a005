"""Postgres and Valkey for the tests, started before Django reads its settings (loaded by `-p tests.services`)."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "tests-only-" + "x" * 40)
os.environ.setdefault("HTTPS", "false")
os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="kyc-test-data-"))

if "DATABASE_URL" not in os.environ or "VALKEY_URL" not in os.environ:
    from kyc_review.stack import services

    urls = services.ensure(state_dir=Path(__file__).parent.parent / ".local" / "test", durable=False)
    os.environ["DATABASE_URL"], os.environ["VALKEY_URL"] = urls.database_url, urls.valkey_url
