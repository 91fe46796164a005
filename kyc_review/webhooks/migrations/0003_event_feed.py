from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Events are written meanwhile."""

    atomic = False
    dependencies = [("webhooks", "0002_endpoint_health")]
    operations = [
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(fields=["integration", "created_at", "id"], name="webhook_event_listed"),
        ),
    ]
