import os
from urllib.parse import urlsplit

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection

from devstack.postgres import ROLE, SUPERUSER
from kyc_review.core.db.roles import RoleError, as_owner, owned_tables, role_ensure, role_settings

pytestmark = pytest.mark.django_db


def test_the_application_may_not_run_as_a_superuser() -> None:
    with pytest.raises(RoleError, match=f"ALTER ROLE {SUPERUSER} NOSUPERUSER"):
        role_ensure(SUPERUSER, "secret")


def test_an_owner_who_may_not_make_a_missing_role_says_how() -> None:
    with pytest.raises(RoleError, match=r"CREATE ROLE missing LOGIN PASSWORD '\.\.\.'"):
        role_ensure("missing", "secret")
    role_ensure(ROLE, "secret")  # it exists: nothing happens


def test_tests_are_the_owner() -> None:
    assert owned_tables() > 50


def test_what_the_role_stores_for_its_own_sessions_is_told(as_application: None) -> None:
    assert role_settings() == []
    with connection.cursor() as cursor:
        for setting in ("search_path = evil, public", "statement_timeout = '1ms'", "application_name = 'x'"):
            cursor.execute(f"ALTER ROLE {ROLE} SET {setting}")
    assert role_settings() == ["search_path=evil, public", "statement_timeout=1ms"]


def test_the_connection_is_the_owners_in_the_block_alone(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = dict(connection.settings_dict)
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction would end
    settings.DATABASE_OWNER_URL = "postgres://the%20owner:s%2Fcret@elsewhere/name"
    with as_owner():
        assert (connection.settings_dict["USER"], connection.settings_dict["PASSWORD"]) == (
            "the owner",
            "s/cret",
        )
        assert connection.settings_dict["NAME"] == own["NAME"]
    assert connection.settings_dict == own


def test_one_role_under_two_names_is_refused(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "close", lambda: None)
    user = urlsplit(os.environ["DATABASE_URL"]).username
    settings.DATABASE_OWNER_URL = f"postgres://{user}:x@127.0.0.1/kyc"
    with pytest.raises(CommandError, match="two different roles"):
        call_command("prepare", "--without-bundle")
