"""The kind `submission.appeal_decided`. Endpoints that get every kind get this one too, as new endpoints do."""

import django.contrib.postgres.fields
import kyc_review.webhooks.models
from django.db import migrations, models

FORMER = [
    "submission.cleared", "submission.queued", "submission.completed", "submission.overturned",
    "submission.resubmit_requested", "submission.erased",
]
ADDED = "submission.appeal_decided"


def subscribe(apps, schema_editor):
    for row in apps.get_model("webhooks", "Endpoint").objects.filter(kinds__contains=FORMER):
        if ADDED not in row.kinds:
            row.kinds.append(ADDED)
            row.save(update_fields=["kinds"])


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', "0003_event_feed"),
    ]

    operations = [
        migrations.AlterField(
            model_name='endpoint',
            name='kinds',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('submission.cleared', 'All models found it genuine.'), ('submission.queued', 'It waits for a reviewer.'), ('submission.completed', 'A reviewer decided.'), ('submission.overturned', 'An earlier result was corrected.'), ('submission.appeal_decided', 'People judged an appeal; the result says how.'), ('submission.resubmit_requested', 'The applicant should take another selfie.'), ('submission.erased', 'The picture and what named the applicant were deleted.'), ('webhook.test', 'Sent on request, to try an endpoint.')], max_length=40), default=kyc_review.webhooks.models.all_kinds, size=None),
        ),
        migrations.RunPython(subscribe, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('submission.cleared', 'All models found it genuine.'), ('submission.queued', 'It waits for a reviewer.'), ('submission.completed', 'A reviewer decided.'), ('submission.overturned', 'An earlier result was corrected.'), ('submission.appeal_decided', 'People judged an appeal; the result says how.'), ('submission.resubmit_requested', 'The applicant should take another selfie.'), ('submission.erased', 'The picture and what named the applicant were deleted.'), ('webhook.test', 'Sent on request, to try an endpoint.')], max_length=40),
        ),
    ]
