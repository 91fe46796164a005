from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group

from kyc_review.accounts.models import User
from tests.factories.scripts import Script


@pytest.fixture
def script(staff: Callable[..., User]) -> Callable[..., Script]:
    """script("ada", "admin") makes a person and what asks in their name; who has another role now was an admin once."""

    def make(name: str, role: str, **more: Any) -> Script:
        made = Script(staff(name, "admin"), **more)
        made.person.groups.set([Group.objects.get(name=role)])
        del made.person._roles
        return made

    return make


@pytest.fixture
def ada(script: Callable[..., Script]) -> Script:
    return script("ada", "admin")


@pytest.fixture
def amir(script: Callable[..., Script]) -> Script:
    return script("amir", "admin")
