"""Which text of a submission a search finds parts of: both references and the values of the metadata.

The index (models.py) and the queries share expression and condition: Postgres uses the index for no other. What still
waits for its votes is not in it, so that scoring writes no entries; it is found by whole references. An integration
finds its own submissions by whole values of the metadata, by an index of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, JSONField, Q, TextField

from kyc_review.core.serializers import reference_spellings

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from kyc_review.submissions.models import Submission

PART_MIN_CHARS = 3  # the index knows groups of three; shorter texts would be found by reading every row


class MetadataValues(Func):
    """The values at any depth, without the names of their fields, as JSON."""

    template = (
        "jsonb_path_query_array(%(expressions)s, "
        """'strict $.** ? (@.type() != "object" && @.type() != "array")')::text"""
    )
    output_field = TextField()


class Lines(Func):
    """Texts with line breaks between them, so that no search finds the end of one with the beginning of the next."""

    template = "(%(expressions)s)"
    arg_joiner = " || chr(10) || "
    output_field = TextField()


# As in migrations 0006 (the index) and 0008 (its statistics): another expression needs both again.
SEARCHABLE = Lines(F("external_ref"), F("applicant_ref"), MetadataValues(F("metadata")))


class TextInArray(Func):
    template = "ARRAY[(%(expressions)s)::text]"
    output_field = ArrayField(TextField())


class OwnedMetadata(Func):
    """The metadata below the number of its integration: `{"7": {"branch": "12"}}`.

    So the entries of the index are those of one integration, and no search reads another's.
    """

    template = "jsonb_set('{}'::jsonb, %(expressions)s)"
    output_field = JSONField()


# As in migration 0014.
OWNED_METADATA = OwnedMetadata(TextInArray(F("integration")), F("metadata"))
HAS_METADATA = ~Q(metadata={})


FEW = 5_000


def with_metadata(
    rows: QuerySet[Submission], wanted: Mapping[str, Any], *, integration_id: int
) -> QuerySet[Submission]:
    """Rows of the integration whose metadata has each of these names with exactly this value.

    Postgres has no statistics of such conditions: for a rare value it would read all rows from the newest on, in the
    order of the list. So up to FEW are found by their index first; a value that more rows have is soon met in order.
    """
    matching = metadata_matching(rows, wanted, integration_id=integration_id)
    few = list(matching.order_by().values_list("pk", flat=True)[: FEW + 1])
    return rows.filter(pk__in=few) if len(few) <= FEW else matching


def metadata_matching(
    rows: QuerySet[Submission], wanted: Mapping[str, Any], *, integration_id: int
) -> QuerySet[Submission]:
    """The condition of `with_metadata` alone."""
    owned = {str(integration_id): dict(wanted)}
    found = rows.alias(owned_metadata=OWNED_METADATA)
    return found.filter(HAS_METADATA, owned_metadata__contains=owned)  # type: ignore[misc]  # it is JSON


def with_part(
    rows: QuerySet[Submission], text: str, others: Q, *, states: Iterable[str]
) -> QuerySet[Submission]:
    """Rows of which a reference or a value of the metadata contains the text, in capitals or not; and `others`.

    states: those of the index (`models.FOUND_BY_PART`).
    """
    found = Q()
    for spelling in reference_spellings(text):
        for written in {spelling, json.dumps(spelling, ensure_ascii=False)[1:-1]}:
            found |= Q(searchable__icontains=written)
    indexed = Q(is_test=False, state__in=states) & found
    return rows.alias(searchable=SEARCHABLE).filter(others | indexed)


def reference_has(text: str) -> Q:
    """Whether a reference contains the text, in capitals or not; every row is read."""
    found = Q()
    for spelling in reference_spellings(text):
        found |= Q(external_ref__icontains=spelling) | Q(applicant_ref__icontains=spelling)
    return found
