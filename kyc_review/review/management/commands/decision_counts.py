from kyc_review.core.db.recount import RecountCommand
from kyc_review.review.decision_counts import DECISION_COUNTS


class Command(RecountCommand):
    help = "Count decisions for figures over months, as the default worker does every five minutes."
    rollups = (DECISION_COUNTS,)
    compared_with = "decisions"
