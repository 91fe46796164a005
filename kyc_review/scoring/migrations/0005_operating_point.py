from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0004_face_at_border")]

    operations = [
        migrations.AddField(
            model_name="scoring",
            name="shift",
            field=models.FloatField(
                db_default=0.0,
                default=0.0,
                help_text=(
                    "Added to the bundle's thresholds on the logit scale: its operating point in production then."
                ),
            ),
        ),
    ]
