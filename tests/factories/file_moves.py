"""Files of an installation in folders and in a bucket, and the commands that move them."""

from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tests.factories.object_stores import Store


def places(store: Store, folder: Path, **access: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """STORAGE_PLACES with folders below `folder` and prefixes of the store's bucket. access: other than the store's."""
    kinds = {"originals": "DurableStorage"}
    kinds |= dict.fromkeys(("derivatives", "snapshots", "training", "means"), "PrivateStorage")
    on_disk = {
        name: {
            "BACKEND": f"kyc_review.submissions.storage.{kind}",
            "OPTIONS": {"location": str(folder / name)},
        }
        for name, kind in kinds.items()
    }
    in_bucket = {
        name: {
            "BACKEND": "kyc_review.core.object_storage.ObjectStorage",
            "OPTIONS": {
                "bucket": store.bucket,
                "prefix": f"kyc-review/{name}",
                "access": store.access | access,
                "write_once": name == "originals",
            },
        }
        for name in kinds
    }
    return {"files": on_disk, "s3": in_bucket}


def said(*arguments: str) -> str:
    """What a command of manage.py prints. Raises CommandError."""
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def contents(storage: Any) -> dict[str, bytes]:
    """Every file of a storage by its name, as it is stored."""
    return {file.name: storage.open(file.name).read() for file in storage.files_below()}
