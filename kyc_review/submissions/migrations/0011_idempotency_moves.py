from django.db import migrations


class Migration(migrations.Migration):
    """The model of kept answers belongs to accounts now (its 0007); the table stays as it is."""

    dependencies = [("submissions", "0010_storage_identity")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name="IdempotencyRecord")], database_operations=[]
        )
    ]
