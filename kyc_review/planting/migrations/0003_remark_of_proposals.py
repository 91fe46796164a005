from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("planting", "0002_final_proposals")]
    operations = [
        migrations.AddField(
            model_name="plantingproposal",
            name="remark",
            field=models.CharField(blank=True, db_default="", default="", max_length=300),
        ),
    ]
