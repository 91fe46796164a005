"""Additional detectors: small networks, shown to reviewers as evidence and never counted as a vote."""

from detection.opinions.opinion import Opinion, OpinionRefused, load, shipped, write

__all__ = ["Opinion", "OpinionRefused", "load", "shipped", "write"]
