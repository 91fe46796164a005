import json
from pathlib import Path

import pytest

from kyc_review.accounts.models import ApiKey, User
from kyc_review.accounts.people.services import password_new
from kyc_review.demo import people

pytestmark = pytest.mark.django_db


def test_everybody_can_log_in_with_the_role_shown(tmp_path: Path) -> None:
    keys = people.ensure(tmp_path / "demo.json")
    for person in people.PEOPLE:
        user = User.objects.get(username=person.username)
        assert user.check_password(keys.passwords[person.username])
        assert [group.name for group in user.groups.all()] == [person.role.value]


def test_a_second_run_changes_nothing_and_reads_the_same_logins(tmp_path: Path) -> None:
    first = people.ensure(tmp_path / "demo.json")
    assert people.ensure(tmp_path / "demo.json") == first
    assert (User.objects.count(), ApiKey.objects.count()) == (len(people.PEOPLE), 2)


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    people.ensure(tmp_path / "demo.json")
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_lost_file_is_made_again_with_logins_that_work(tmp_path: Path) -> None:
    first = people.ensure(tmp_path / "demo.json")
    (tmp_path / "demo.json").unlink()
    second = people.ensure(tmp_path / "demo.json")
    assert second.passwords["alice"] != first.passwords["alice"]
    assert User.objects.get(username="alice").check_password(second.passwords["alice"])
    assert second.api_key != first.api_key
    assert second.test_key != first.test_key


def test_a_file_from_before_there_was_a_key_for_the_sandbox_gets_one(tmp_path: Path) -> None:
    first = people.ensure(tmp_path / "demo.json")
    kept = json.loads((tmp_path / "demo.json").read_text())
    del kept["test_key"]
    (tmp_path / "demo.json").write_text(json.dumps(kept))
    second = people.ensure(tmp_path / "demo.json")
    assert second.api_key == first.api_key
    assert second.test_key.startswith("kyc_test_")


def test_no_secret_is_the_same_in_two_installations(tmp_path: Path) -> None:
    made = {password_new() for _ in range(100)}
    assert len(made) == 100
    people.ensure(tmp_path / "demo.json")
    assert len(set(json.loads((tmp_path / "demo.json").read_text())["passwords"].values())) == len(
        people.PEOPLE
    )
