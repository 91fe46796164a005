from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The new indexes first, without a lock on the table, so that the search always has some."""

    atomic = False
    dependencies = [("evidence", "0002_rename_auxiliary_measure")]
    operations = [
        *(
            AddIndexConcurrently(
                model_name="fingerprint",
                index=models.Index(
                    fields=[f"band_{band}"],
                    include=["coarse", "submission"],
                    name=f"fingerprint_near_{band}",
                ),
            )
            for band in range(4)
        ),
        *(
            RemoveIndexConcurrently(model_name="fingerprint", name=f"fingerprint_band_{band}")
            for band in range(4)
        ),
    ]
