from django.db import migrations, models


class Migration(migrations.Migration):
    """Another name for the same column."""

    dependencies = [("accounts", "0009_pictures_scope")]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="erasing_waits",
            field=models.BooleanField(db_column="erasing_waits", db_default=False, default=False),
        ),
        migrations.RenameField("apikey", "erasing_waits", "rights_wait"),
        migrations.AlterField(
            model_name="apikey",
            name="rights_wait",
            field=models.BooleanField(
                db_column="erasing_waits",
                db_default=False,
                default=False,
                help_text="It may neither erase nor fetch pictures until another admin has approved that.",
            ),
        ),
    ]
