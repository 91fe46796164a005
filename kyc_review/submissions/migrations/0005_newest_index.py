from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The order of the search's pages, over all integrations."""

    atomic = False
    dependencies = [("submissions", "0004_fill_updated_at")]
    operations = [
        AddIndexConcurrently(
            model_name="submission",
            index=models.Index(
                fields=["-received_at", "-id"], name="submission_newest", condition=Q(is_test=False)
            ),
        ),
    ]
