from django.db import migrations, models


class Migration(migrations.Migration):
    """A constant default and an empty column: no table is rewritten."""

    dependencies = [("review", "0013_campaign_look")]

    operations = [
        migrations.AddField(
            model_name="reviewitem",
            name="is_reserved_ahead",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Reserved only so that the page can fetch the picture; anyone may take it as a last item.",
            ),
        ),
        migrations.AddField(
            model_name="gold",
            name="opens_at",
            field=models.DateTimeField(
                blank=True,
                null=True,
                help_text="When it is next put into the queue, if it was drawn for that.",
            ),
        ),
    ]
