"""python fill.py TASKS ANNOTATORS: people, two projects and tasks in Label Studio; prints what it made as JSON.

Runs in Label Studio's environment. Safe to repeat: what an earlier run labelled is replaced by new tasks.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import wsgi  # noqa: F401  (sets Django up)
from django.contrib.auth import get_user_model
from django.core.management import call_command
from organizations.models import Organization
from projects.models import Project
from rest_framework.authtoken.models import Token
from tasks.models import Task

LABELS = """<View><Image name="face" value="$image"/>
<Choices name="label" toName="face"><Choice value="Real"/><Choice value="Fake"/></Choices></View>"""
BATCH = 5000


def people(number: int) -> list:
    User = get_user_model()
    found = []
    for index in range(number):
        user, is_new = User.objects.get_or_create(
            email=f"annotator-{index}@bench.test", defaults={"username": f"annotator-{index}"}
        )
        if index == 0 and not Organization.objects.exists():
            Organization.create_organization(created_by=user, title="Bench", legacy_api_tokens_enabled=True)
        organization = Organization.objects.order_by("pk").first()
        if is_new or user.active_organization_id is None:
            organization.add_user(user)
            user.active_organization = organization
            user.save()
        found.append(user)
    return found


def project(title: str, owner) -> Project:
    organization = Organization.objects.order_by("pk").first()
    found, _ = Project.objects.get_or_create(
        title=title, defaults={"created_by": owner, "organization": organization, "label_config": LABELS}
    )
    return found


def main() -> None:
    tasks, annotators = int(sys.argv[1]), int(sys.argv[2])
    call_command("migrate", verbosity=0)
    users = people(annotators)
    queue, intake = project("queue", users[0]), project("intake", users[0])
    Task.objects.filter(project=queue, is_labeled=True).delete()
    missing = tasks - Task.objects.filter(project=queue).count()
    for start in range(0, missing, BATCH):
        rows = range(start, min(start + BATCH, missing))
        Task.objects.bulk_create(
            Task(project=queue, data={"image": f"/data/upload/{n % 24}.jpg"}, overlap=1, inner_id=n + 1)
            for n in rows
        )
    tokens = [Token.objects.get_or_create(user=user)[0].key for user in users]
    print(json.dumps({"queue": queue.pk, "intake": intake.pk, "tokens": tokens}))


if __name__ == "__main__":
    main()
