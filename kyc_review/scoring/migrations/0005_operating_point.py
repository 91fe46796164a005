from django.db import migrations, models


def fill(apps, schema_editor):
    """What was scored while a moved operating point served gets its shift; by far most installations have none."""
    promotion, scoring = apps.get_model("registry", "Promotion"), apps.get_model("scoring", "Scoring")
    if not promotion.objects.exclude(shift=0.0).exists():
        return
    steps = list(promotion.objects.order_by("pk").values_list("bundle__digest", "shift", "promoted_at"))
    ends = [*(step[2] for step in steps[1:]), None]
    for (digest, shift, since), until in zip(steps, ends, strict=True):
        if shift == 0.0:
            continue
        rows = scoring.objects.filter(bundle_digest=digest, scored_at__gte=since)
        (rows.filter(scored_at__lt=until) if until else rows).update(shift=shift)


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_write_once"), ("scoring", "0004_face_at_border")]

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
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
