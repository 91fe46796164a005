from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, TrigramExtension
from django.db import migrations, models
from django.db.models.functions import Upper

from kyc_review.submissions.searching import Lines, MetadataValues


TEXT = Lines(models.F("external_ref"), models.F("applicant_ref"), MetadataValues(models.F("metadata")))


class Migration(migrations.Migration):
    """Postgres trusts pg_trgm: the owner of the database may create it (docs/deploy.md)."""

    atomic = False
    dependencies = [("submissions", "0005_newest_index")]
    operations = [
        TrigramExtension(),
        AddIndexConcurrently(
            model_name="submission",
            index=GinIndex(
                OpClass(Upper(TEXT), name="gin_trgm_ops"),
                name="submission_by_part",
                condition=models.Q(is_test=False, state__in=["in_review", "completed", "cancelled"]),
            ),
        ),
    ]
