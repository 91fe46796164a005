import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """The model of kept answers comes from submissions (its 0011); the table stays as it is."""

    dependencies = [("accounts", "0006_identity"), ("submissions", "0011_idempotency_moves")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[],
            state_operations=[
                migrations.CreateModel(
                    name="IdempotencyRecord",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("is_test", models.BooleanField()),
                        ("key", models.CharField(max_length=255)),
                        (
                            "fingerprint",
                            models.CharField(
                                help_text="SHA-256 of what the request says, however framed.", max_length=64
                            ),
                        ),
                        ("status", models.PositiveSmallIntegerField()),
                        (
                            "body",
                            models.TextField(
                                help_text="JSON, with its fields in the order in which they were answered."
                            ),
                        ),
                        ("location", models.CharField(blank=True, max_length=500)),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "integration",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="accounts.integration",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "submissions_idempotencyrecord",
                        "indexes": [models.Index(fields=["created_at"], name="idempotency_by_age")],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("integration", "is_test", "key"), name="idempotency_key_once"
                            )
                        ],
                    },
                )
            ],
        )
    ]
