"""Where files are: folders below DATA_DIR, or a bucket of an object storage (docs/object-storage.md)."""

from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from kyc_review.settings.environment import BUNDLES_DIR, DATA_DIR, env

# files: below DATA_DIR. s3: in OBJECT_STORAGE_BUCKET. `manage.py storage copy` takes them from one to the other.
FILE_STORAGE = env.str("FILE_STORAGE", default="files")
# The address of the S3 API; empty: Amazon S3. http:// only to this machine.
OBJECT_STORAGE_URL = env.str("OBJECT_STORAGE_URL", default="")
OBJECT_STORAGE_BUCKET = env.str("OBJECT_STORAGE_BUCKET", default="")
# What the names of all objects begin with, so that a bucket can hold several installations.
OBJECT_STORAGE_PREFIX = env.str("OBJECT_STORAGE_PREFIX", default="kyc-review").strip("/")
OBJECT_STORAGE_REGION = env.str("OBJECT_STORAGE_REGION", default="")
# How the bucket is named in requests: path, virtual or auto. Other stores than Amazon's seldom have a host per bucket.
OBJECT_STORAGE_ADDRESSING = env.str("OBJECT_STORAGE_ADDRESSING", default="") or (
    "path" if OBJECT_STORAGE_URL else "auto"
)
# Certificate authorities of the store, as a PEM file; empty: those that boto3 knows.
OBJECT_STORAGE_CA_FILE = env.str("OBJECT_STORAGE_CA_FILE", default="")
# For the connection, and for each wait for the next bytes; a request is tried twice.
OBJECT_STORAGE_TIMEOUT_S = env.float("OBJECT_STORAGE_TIMEOUT_S", default=5.0)
# false: for a store that refuses `If-None-Match: *` in a PUT (501). `manage.py storage check` says which it is.
OBJECT_STORAGE_CONDITIONS = env.bool("OBJECT_STORAGE_CONDITIONS", default=True)
# Empty: boto3's own chain (variables, files, roles of the machine or of the pod).
OBJECT_STORAGE_ACCESS_KEY_ID = env.str("OBJECT_STORAGE_ACCESS_KEY_ID", default="")
OBJECT_STORAGE_SECRET_ACCESS_KEY = env.str("OBJECT_STORAGE_SECRET_ACCESS_KEY", default="")

# A reverse proxy that understands X-Accel-Redirect may serve derivatives; empty: Django streams them. It must not send
# the time of the file (nginx: `etag off; add_header Last-Modified "";`), which is older for calibration items.
ACCEL_REDIRECT_PREFIX = env.str("ACCEL_REDIRECT_PREFIX", default="")


def _on_disk(folder: Path, *, write_once: bool = False) -> dict[str, Any]:
    kind = "DurableStorage" if write_once else "PrivateStorage"
    return {"BACKEND": f"kyc_review.submissions.storage.{kind}", "OPTIONS": {"location": str(folder)}}


def _in_bucket(name: str, *, write_once: bool = False) -> dict[str, Any]:
    access = {
        "url": OBJECT_STORAGE_URL,
        "region": OBJECT_STORAGE_REGION,
        "addressing": OBJECT_STORAGE_ADDRESSING,
        "ca_file": OBJECT_STORAGE_CA_FILE,
        "timeout_s": OBJECT_STORAGE_TIMEOUT_S,
        "access_key_id": OBJECT_STORAGE_ACCESS_KEY_ID,
        "secret_access_key": OBJECT_STORAGE_SECRET_ACCESS_KEY,
    }
    options = {
        "bucket": OBJECT_STORAGE_BUCKET,
        "prefix": f"{OBJECT_STORAGE_PREFIX}/{name}".lstrip("/"),
        "access": access,
        "write_once": write_once,
        "has_conditions": OBJECT_STORAGE_CONDITIONS,
    }
    return {"BACKEND": "kyc_review.core.object_storage.ObjectStorage", "OPTIONS": options}


# Copies of bundles and snapshots on this machine, where their storage is elsewhere. What is in use stays, also above
# the limit.
LOCAL_COPIES_DIR = Path(env.str("LOCAL_COPIES_DIR", default=str(DATA_DIR / "copies")))
LOCAL_COPIES_MAX_BYTES = env.int("LOCAL_COPIES_MAX_BYTES", default=20_000_000_000)

# Each kind of file in both places. Originals are written once; of others the later replaces the earlier. Bundles and
# snapshots are folders of files: on a disk they are used in place, from a bucket workers keep copies.
STORAGE_PLACES: dict[str, dict[str, dict[str, Any]]] = {
    "files": {
        "originals": _on_disk(DATA_DIR / "originals", write_once=True),
        "derivatives": _on_disk(DATA_DIR / "derivatives"),
        "bundles": _on_disk(BUNDLES_DIR),
        "snapshots": _on_disk(DATA_DIR / "snapshots"),
        "archive": _on_disk(DATA_DIR / "archive", write_once=True),  # rows pruned from the database
        "training": _on_disk(DATA_DIR / "training"),
        "means": _on_disk(DATA_DIR / "means"),
    },
    "s3": {
        "originals": _in_bucket("originals", write_once=True),
        "derivatives": _in_bucket("derivatives"),
        "bundles": _in_bucket("bundles"),
        "snapshots": _in_bucket("snapshots"),
        "archive": _in_bucket("archive", write_once=True),
        "training": _in_bucket("training"),
        "means": _in_bucket("means"),
    },
}


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal() -> str:
    """What is wrong with these settings; empty when nothing is."""
    url = urlsplit(OBJECT_STORAGE_URL)
    if FILE_STORAGE not in STORAGE_PLACES:
        return "FILE_STORAGE must be files or s3"
    if OBJECT_STORAGE_URL and (url.scheme not in ("http", "https") or not url.hostname):
        return "OBJECT_STORAGE_URL must be an address such as https://s3.bank.example"
    if url.scheme == "http" and not _is_this_machine(url.hostname or ""):
        return "OBJECT_STORAGE_URL must begin with https:// unless the store is on this machine"
    if bool(OBJECT_STORAGE_ACCESS_KEY_ID) != bool(OBJECT_STORAGE_SECRET_ACCESS_KEY):
        return "set both OBJECT_STORAGE_ACCESS_KEY_ID and OBJECT_STORAGE_SECRET_ACCESS_KEY, or neither"
    if FILE_STORAGE == "files":
        return ""
    if not OBJECT_STORAGE_BUCKET:
        return "FILE_STORAGE=s3 needs OBJECT_STORAGE_BUCKET"
    if find_spec("boto3") is None:
        return "FILE_STORAGE=s3 needs the packages of requirements/cloud.txt"
    if ACCEL_REDIRECT_PREFIX:
        return "ACCEL_REDIRECT_PREFIX must be empty with FILE_STORAGE=s3: a proxy cannot send what is in a bucket"
    return ""


if _said := _refusal():
    raise environ.ImproperlyConfigured(_said)

# Encryption is independent of where files are: it lies on top of either place. Snapshots encrypt their own files.
_ENCRYPTED = ("originals", "derivatives")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is stored by accident
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
for _name, _beneath in STORAGE_PLACES[FILE_STORAGE].items():
    _encrypting = {
        "BACKEND": "kyc_review.encryption.storage.EncryptedStorage",
        "OPTIONS": {"name": _name, "beneath": _beneath},
    }
    STORAGES[_name] = _encrypting if _name in _ENCRYPTED else _beneath
