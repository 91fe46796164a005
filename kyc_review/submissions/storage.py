"""Private files: readable by the service account only, durable before the row that names them."""

import os
import threading
from io import BufferedWriter
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, storages
from django.utils.deconstruct import deconstructible


@deconstructible(path="kyc_review.submissions.storage.PrivateStorage")
class PrivateStorage(FileSystemStorage):
    """Files with mode 0600 in folders with mode 0700, synced to disk before `save` returns; no public URL."""

    def _save(self, name: str, content: File) -> str:
        path = Path(self.path(name))
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            with _created(temporary) as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name  # keys are unique by construction; replacing makes a retry harmless

    def url(self, name: str | None) -> str:
        raise ValueError("Private files have no URL.")


def _created(path: Path) -> BufferedWriter:
    """The file, open for writing; its folder is made where it is missing, seldom."""

    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    try:
        return open(path, "wb", opener=private)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(path, "wb", opener=private)


originals = storages["originals"]
derivatives = storages["derivatives"]
