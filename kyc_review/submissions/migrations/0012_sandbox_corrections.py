from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("submissions", "0011_idempotency_moves")]
    operations = [
        AddIndexConcurrently(
            model_name="submission",
            index=models.Index(
                fields=["due_at"],
                name="submission_to_correct",
                condition=models.Q(
                    is_test=True, state="completed", external_ref__startswith="sandbox-overturned"
                ),
            ),
        ),
    ]
