import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """In a transaction of its own: with the other table's change in one, it could wait for a decision that waits for it.

    The new column is empty, so Postgres checks no row and rewrites nothing.
    """

    dependencies = [("review", "0007_decision_is_sure")]

    operations = [
        migrations.AddField(
            model_name="reviewitem",
            name="correction",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The correction that takes effect once this review agrees with it.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reviews",
                to="review.decision",
            ),
        ),
    ]
