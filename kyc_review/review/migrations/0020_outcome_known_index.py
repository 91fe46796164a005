from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """Of its own: decisions go on meanwhile, which takes a migration without a transaction."""

    atomic = False
    dependencies = [("review", "0019_cases_and_appeals")]
    operations = [
        AddIndexConcurrently(
            model_name="reviewitem",
            index=models.Index(
                fields=["id"],
                condition=Q(outcome_may_be_known=True, state="open"),
                name="item_outcome_known",
            ),
        ),
    ]
