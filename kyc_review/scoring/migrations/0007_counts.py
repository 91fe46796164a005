from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scoring', '0006_fill_operating_point'),
    ]

    operations = [
        migrations.CreateModel(
            name='ScoringCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slot', models.DateTimeField(help_text='When the quarter hour began.')),
                ('bundle_version', models.CharField(max_length=60)),
                ('bundle_digest', models.CharField(max_length=64)),
                ('shift', models.FloatField()),
                ('verdict', models.CharField(max_length=20)),
                ('for_person', models.BooleanField(help_text='A check or an auxiliary model asked for a person.')),
                ('is_planted', models.BooleanField()),
                ('number', models.PositiveIntegerField()),
                ('first', models.DateTimeField(help_text='When the first of them was scored.')),
                ('last', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('slot', 'bundle_digest', 'bundle_version', 'shift', 'verdict', 'for_person', 'is_planted'), name='scoring_count_once')],
            },
        ),
        migrations.CreateModel(
            name='ScoringCountMark',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('until', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_scoring_count_mark')],
            },
        ),
    ]
