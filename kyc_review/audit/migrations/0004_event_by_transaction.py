from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audit", "0003_sealed_batches")]
    operations = [
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(fields=["transaction", "id"], name="event_by_transaction"),
        ),
    ]
