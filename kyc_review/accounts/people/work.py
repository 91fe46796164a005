"""Work that a person holds and must give back when they leave or may not decide any more.

The apps in which people hold work register how it is released, so that accounts need not know them.
"""

from collections.abc import Callable

from kyc_review.accounts.models import User

_releasers: list[Callable[[User], int]] = []


def work_releaser(release: Callable[[User], int]) -> None:
    """Register a function that gives back what a person holds and returns how many items that were."""
    if release not in _releasers:
        _releasers.append(release)


def work_release(*, holder: User) -> int:
    """Give back everything that the person holds, in the caller's transaction; how many items that were."""
    return sum(release(holder) for release in _releasers)
