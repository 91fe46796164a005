"""Disjoint sets (union-find) with path halving; the earliest member of a set is its root."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class DisjointSets:
    """Of the numbers 0 to n - 1: `parent` is `list(range(n))` at first."""

    parent: list[int] = field(default_factory=list)

    def find(self, at: int) -> int:
        while self.parent[at] != at:
            self.parent[at] = self.parent[self.parent[at]]
            at = self.parent[at]
        return at

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self.parent[high] = low
