from django.db import migrations, models


class Migration(migrations.Migration):
    """A constant default: the table is not rewritten."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="In which the person reads times, such as Europe/Berlin; empty for their browser's.",
                max_length=64,
            ),
        ),
    ]
