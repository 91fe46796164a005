"""The demo's logins and API key: generated once, kept in a file that only its owner reads (0600)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kyc_review.accounts import services as accounts
from kyc_review.accounts.digests import key_digest
from kyc_review.accounts.models import ApiKey, Integration, User
from kyc_review.accounts.people.services import password_new
from kyc_review.core.files import write_private
from kyc_review.core.permissions import Role

ONBOARDING = "demo-onboarding"


@dataclass(frozen=True)
class Person:
    username: str
    role: Role
    may: str


PEOPLE = (
    Person("alice", Role.REVIEWER, "decides on flagged selfies"),
    Person("sam", Role.SENIOR, "decides and oversees the queue"),
    Person("ada", Role.ADMIN, "manages models and retraining sets"),
    Person("maya", Role.ADMIN, "second admin, because promotions need two"),
    Person("audrey", Role.AUDITOR, "reads everything, changes nothing"),
)


@dataclass
class Keys:
    """The demo's logins, and its API keys: of live submissions and of the sandbox."""

    passwords: dict[str, str] = field(default_factory=dict)
    api_key: str = ""
    test_key: str = ""


def ensure(file: Path) -> Keys:
    """Create what is missing, in the database and in `file`, and return it; idempotent."""
    keys = Keys(**json.loads(file.read_text())) if file.exists() else Keys()
    accounts.roles_ensure()
    for person in PEOPLE:
        password = keys.passwords.setdefault(person.username, password_new())
        user = User.objects.filter(username=person.username).first()
        if user is None:
            accounts.staff_create(username=person.username, password=password, role=person.role)
        elif not user.check_password(password):
            user.set_password(password)
            user.must_change_password = False
            user.save(update_fields=["password", "must_change_password"])
    integration = Integration.objects.filter(slug=ONBOARDING).first()
    if integration is None:
        integration = accounts.integration_create(slug=ONBOARDING, name="Demo onboarding")
    if not _is_valid(keys.api_key):
        _, keys.api_key = accounts.key_create(integration=integration)
    if not _is_valid(keys.test_key):
        _, keys.test_key = accounts.key_create(integration=integration, is_test=True)
    write_private(file, json.dumps(asdict(keys), indent=1))
    return keys


def _is_valid(key: str) -> bool:
    row = ApiKey.objects.filter(digest=key_digest(key), integration__slug=ONBOARDING).first()
    return row is not None and row.is_valid
