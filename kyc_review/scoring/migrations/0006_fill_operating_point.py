from django.db import migrations


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
    """Apart from the new column, so that no lock on the table is held while rows are filled."""

    dependencies = [("registry", "0002_write_once"), ("scoring", "0005_operating_point")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
