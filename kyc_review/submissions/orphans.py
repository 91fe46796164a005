"""Originals without a row: intake was killed between the file and the row, so the client was never told
"accepted"."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import PurePosixPath

from django.utils import timezone

from kyc_review.submissions.models import Submission
from kyc_review.submissions.storage import REFERENCE_SUFFIX, originals, reference_key
from kyc_review.submissions.storage_identity import storage_identity_check

log = logging.getLogger(__name__)
# Far longer than any request may take: a file this old has its row, or will never have one.
AGE = timedelta(hours=24)
ID_PATTERN = re.compile("[0-9a-f]{32}")
# The last one is what probes of a killed process left.
FOLDERS = [*(f"{number:02x}" for number in range(256)), "probe"]
NAMES_AT_ONCE = 1000


def orphans_delete() -> int:
    """Delete originals that no submission names, for a private picture must not outlive its purpose.

    Returns how many were deleted. Raises WrongStorage: no row of this database names the files of another one.
    """
    deleted = 0
    for folder in FOLDERS:
        storage_identity_check()
        old = _old_files(folder)
        while names := list(islice(old, NAMES_AT_ONCE)):
            known = set(Submission.objects.filter(image_key__in=names).values_list("image_key", flat=True))
            known |= _references_known(names)
            for name in set(names) - known:
                originals.delete(name)
                deleted += 1
    if deleted:
        log.warning("deleted %d originals without a submission, left by killed requests", deleted)
    return deleted


def _references_known(names: list[str]) -> set[str]:
    """Which of the keys are reference images of submissions."""
    stems = [PurePosixPath(name).stem for name in names if name.endswith(REFERENCE_SUFFIX)]
    ids = [stem for stem in stems if ID_PATTERN.fullmatch(stem)]
    rows = Submission.objects.filter(pk__in=ids).exclude(reference_sha256="")
    return {reference_key(pk) for pk in rows.values_list("pk", flat=True)}


def _old_files(folder: str) -> Iterator[str]:
    for file in originals.files_below(folder):
        if file.modified_at < timezone.now() - AGE:
            yield file.name
