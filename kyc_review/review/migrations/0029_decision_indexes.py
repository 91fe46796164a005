import django.db.models.deletion
from django.db import migrations, models

from kyc_review.core.db.index_drops import key_index_dropped


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("review", "0028_audit_counts_by_owner")]
    operations = [
        key_index_dropped(
            "review_decision",
            "review_decision_submission_id_f71492a5",
            model="decision",
            field="submission",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decisions",
                to="submissions.submission",
            ),
        ),
        key_index_dropped(
            "review_firstcall",
            "review_firstcall_item_id_e0979fc1",
            model="firstcall",
            field="item",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="first_calls",
                to="review.reviewitem",
            ),
        ),
        key_index_dropped(
            "review_outcomeexposure",
            "review_onlooker_submission_id_bfa4dbec",
            model="outcomeexposure",
            field="submission",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outcome_exposures",
                to="submissions.submission",
            ),
        ),
    ]
