"""A storage with keys and nothing else, as S3 has: no folders, and `exists` is true of whole keys only."""

from datetime import datetime

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils import timezone


class ObjectStore(Storage):
    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}

    def _open(self, name: str, mode: str = "rb") -> File:
        return ContentFile(self.objects[name][0])

    def _save(self, name: str, content: File) -> str:
        self.objects[name] = (content.read(), timezone.now())
        return name

    def exists(self, name: str) -> bool:
        return name in self.objects

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        below = [name.removeprefix(f"{path}/") for name in self.objects if name.startswith(f"{path}/")]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        return sorted(folders), sorted(name for name in below if "/" not in name)

    def get_modified_time(self, name: str) -> datetime:
        return self.objects[name][1]
