import django.db.models.deletion
from django.db import migrations, models

from kyc_review.core.db.index_drops import key_index_dropped


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("scoring", "0008_engine_refused")]
    operations = [
        key_index_dropped(
            "scoring_vote",
            "scoring_vote_scoring_id_87240b57",
            model="vote",
            field="scoring",
            key=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="votes",
                to="scoring.scoring",
            ),
        ),
    ]
