import django.db.models.deletion
from django.db import migrations, models

from kyc_review.core.db.index_drops import key_index_dropped


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("evidence", "0006_leases_by_database_clock")]
    operations = [
        key_index_dropped(
            "evidence_likeness",
            "evidence_likeness_submission_id_02c8981d",
            model="likeness",
            field="submission",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="likenesses",
                to="submissions.submission",
            ),
        ),
    ]
