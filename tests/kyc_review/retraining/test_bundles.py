from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from detection.bundle import BundleRefused
from kyc_review.audit.models import Event
from kyc_review.retraining.bundles import (
    baseline_install,
    bundle_promote,
    bundle_register,
    bundle_rollback,
)
from kyc_review.retraining.models import Bundle, Promotion
from kyc_review.retraining.selectors import champion
from tests.detection.tiny import tiny_bundle

pytestmark = pytest.mark.django_db


@pytest.fixture
def registered(tmp_path: Path) -> list[Bundle]:
    """Two bundles in the registry."""
    rows = []
    for seed in (1, 2):
        tiny_bundle(tmp_path / f"made-{seed}", seed=seed, version=f"tiny-{seed}")
        rows.append(bundle_register(path=tmp_path / f"made-{seed}", source=Bundle.Source.TRAINED))
    return rows


def test_a_registered_bundle_is_a_copy_of_its_own(registered: list[Bundle], tmp_path: Path) -> None:
    (tmp_path / "made-1" / "stack.safetensors").unlink()
    assert (registered[0].directory / "stack.safetensors").is_file()
    bundle_promote(bundle=registered[0])


def test_registering_twice_changes_nothing(registered: list[Bundle], tmp_path: Path) -> None:
    again = bundle_register(path=tmp_path / "made-1", source=Bundle.Source.TRAINED)
    assert again == registered[0]
    assert Bundle.objects.count() == 2
    assert Event.objects.filter(action="bundle.registered").count() == 2


def test_the_latest_promotion_serves(registered: list[Bundle], django_assert_num_queries) -> None:
    assert champion() is None
    bundle_promote(bundle=registered[0])
    bundle_promote(bundle=registered[1], reason="better on the hold-out")
    with django_assert_num_queries(1):
        assert champion() == registered[1]
    assert Event.objects.get(action="bundle.promoted", detail__reason="better on the hold-out")


def test_a_rollback_returns_to_the_bundle_before(registered: list[Bundle]) -> None:
    with pytest.raises(BundleRefused, match="no earlier champion"):
        bundle_rollback()
    bundle_promote(bundle=registered[0])
    bundle_promote(bundle=registered[1])
    assert bundle_rollback().bundle == registered[0] == champion()
    assert Promotion.objects.count() == 3


def test_a_bundle_tampered_with_in_the_registry_is_not_promoted(registered: list[Bundle]) -> None:
    file = registered[0].directory / "member-1.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(BundleRefused, match="SHA-256"):
        bundle_promote(bundle=registered[0])
    assert champion() is None


def test_a_damaged_copy_is_replaced_by_registering_again(registered: list[Bundle], tmp_path: Path) -> None:
    (registered[0].directory / "member-1.safetensors").unlink()
    bundle_register(path=tmp_path / "made-1", source=Bundle.Source.TRAINED)
    bundle_promote(bundle=registered[0])


def test_the_baseline_serves_only_when_nothing_else_does(registered, settings, tmp_path: Path) -> None:
    settings.BASELINE_BUNDLE = tmp_path / "made-1"
    assert baseline_install() == champion() == registered[0]
    bundle_promote(bundle=registered[1])
    assert baseline_install() == registered[1]


def test_a_missing_baseline_is_said(settings, tmp_path: Path) -> None:
    settings.BASELINE_BUNDLE = tmp_path / "nowhere"
    with pytest.raises(BundleRefused, match="nowhere"):
        baseline_install()


def test_the_command_promotes_a_folder_and_rolls_back(registered: list[Bundle], tmp_path: Path) -> None:
    out = StringIO()
    call_command("bundle", "promote", str(tmp_path / "made-1"), stdout=out)
    call_command("bundle", "promote", "tiny-2", stdout=out)
    assert champion() == registered[1]
    call_command("bundle", "rollback", "--reason", "too many splits", stdout=out)
    assert champion() == registered[0]
    call_command("bundle", "list", stdout=out)
    assert f"* {registered[0].digest[:12]}" in out.getvalue()
    with pytest.raises(CommandError, match="there is no bundle"):
        call_command("bundle", "promote", "nothing", stdout=out)
