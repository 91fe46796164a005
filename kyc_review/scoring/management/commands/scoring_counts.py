from kyc_review.core.db.recount import RecountCommand
from kyc_review.scoring.counts import RESULT_COUNTS, SCORING_COUNTS


class Command(RecountCommand):
    help = (
        "Count verdicts and results for figures over months, as the default worker does every five minutes."
    )
    rollups = (SCORING_COUNTS, RESULT_COUNTS)
    compared_with = "verdicts"
