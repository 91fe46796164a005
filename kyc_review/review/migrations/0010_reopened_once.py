from django.db import migrations, models

# Without a lock on the queue while it is built; no row has the reason yet.
BUILD = """CREATE UNIQUE INDEX CONCURRENTLY "reopened_for_a_twin_once"
    ON "review_reviewitem" ("submission_id") WHERE "reason" = 'twin_rejected'"""
DROP = 'DROP INDEX CONCURRENTLY IF EXISTS "reopened_for_a_twin_once"'


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("review", "0009_twin_rejected")]
    operations = [
        migrations.RunSQL(
            [DROP, BUILD],  # an attempt that was interrupted left an index that Postgres does not use
            DROP,
            state_operations=[
                migrations.AddConstraint(
                    model_name="reviewitem",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(reason="twin_rejected"),
                        fields=("submission",),
                        name="reopened_for_a_twin_once",
                    ),
                )
            ],
        )
    ]
