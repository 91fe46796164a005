from kyc_review.core.db.recount import RecountCommand
from kyc_review.review.audit_counts import AUDIT_COUNTS


class Command(RecountCommand):
    help = (
        "Count answers of the quality sample for its figures, as the default worker does every five minutes."
    )
    rollups = (AUDIT_COUNTS,)
    compared_with = "draws"
