from django.db import migrations, models


class Migration(migrations.Migration):
    """A constant default: the table is not rewritten."""

    dependencies = [("accounts", "0002_time_zone")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="In which the person reads pages, such as de; empty for their browser's.",
                max_length=8,
            ),
        ),
    ]
