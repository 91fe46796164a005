from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("review", "0006_standard_names")]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="is_sure",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="If not, a second person judges and training weighs it less.",
            ),
        ),
    ]
