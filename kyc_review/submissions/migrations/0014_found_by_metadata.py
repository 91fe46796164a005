from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from kyc_review.submissions.searching import OwnedMetadata, TextInArray


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("submissions", "0013_traceparent")]
    operations = [
        AddIndexConcurrently(
            model_name="submission",
            index=GinIndex(
                OpClass(
                    OwnedMetadata(TextInArray(models.F("integration")), models.F("metadata")),
                    name="jsonb_path_ops",
                ),
                name="submission_by_metadata",
                condition=~models.Q(metadata={}),
            ),
        ),
    ]
