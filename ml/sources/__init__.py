"""One reader per data set layout; each yields `Photo` rows without reading pixels."""

from ml.sources.base import Photo, SourceMissing
from ml.sources.catalogue import SOURCES, read_all

__all__ = ["SOURCES", "Photo", "SourceMissing", "read_all"]
