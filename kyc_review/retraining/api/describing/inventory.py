"""How the OpenAPI document describes the record of a model and its notes."""

from kyc_review.core.openapi import example
from kyc_review.retraining.api.describing.shared import BODY, GONE, describe_endpoint, listing
from kyc_review.retraining.api.incoming import PageIn
from kyc_review.retraining.api.serializers.inventory import NoteIn, NoteOut, NotePage, RecordIn, RecordOut

read_record = describe_endpoint(
    "read_model_record",
    "Read the record of a model",
    "What the bank's inventory of models says of a bundle: owner, purpose, next review and tags.",
    responses={200: RecordOut},
    described={"e404": GONE},
)
change_record = describe_endpoint(
    "change_model_record",
    "Write the record of a model",
    "Admins. The audit log keeps what it was before and after.",
    request=RecordIn,
    examples=[
        example(
            "A pilot",
            {
                "owner": "Fraud models",
                "purpose": "Selfies of new customers; not documents.",
                "next_review_on": "2027-06-01",
                "tags": ["pilot"],
                "version": "",
            },
            is_request=True,
        )
    ],
    responses={200: RecordOut},
    described=BODY
    | {"e404": GONE, "e409": "The day of the next review is not possible, or `version` is stale."},
)
list_notes = listing("list_model_notes", "List the notes on a model", PageIn, NotePage)
create_note = describe_endpoint(
    "create_model_note",
    "Add a note to a model",
    "Admins. Notes are only added, never changed.",
    request=NoteIn,
    responses={201: NoteOut},
    described=BODY | {"e404": GONE},
)
