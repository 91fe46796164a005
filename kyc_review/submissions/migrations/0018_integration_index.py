import django.db.models.deletion
from django.db import migrations, models

from kyc_review.core.db.index_drops import key_index_dropped


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("submissions", "0017_erased_stays_erased")]
    operations = [
        key_index_dropped(
            "submissions_submission",
            "submissions_submission_integration_id_e9ec7ad1",
            model="submission",
            field="integration",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="submissions",
                to="accounts.integration",
            ),
        ),
        key_index_dropped(
            "submissions_lateoutcome",
            "submissions_lateoutcome_submission_id_02d23d84",
            model="lateoutcome",
            field="submission",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="late_outcomes",
                to="submissions.submission",
            ),
        ),
    ]
