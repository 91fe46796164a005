from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from kyc_review.registry.bundles import bundle_register
from kyc_review.registry.models import Bundle
from kyc_review.registry.selectors import champion

pytestmark = pytest.mark.django_db
WHY = "The first model of the pilot."


def bundle(*arguments: str) -> str:
    out = StringIO()
    call_command("bundle", *arguments, stdout=out)
    return out.getvalue()


def test_a_folder_is_promoted_in_one_step_and_shown(made_bundle: Callable[..., Path]) -> None:
    assert "v1" in bundle("promote", str(made_bundle("v1")), "--reason", WHY)
    found = champion()
    assert found is not None
    assert (found.version, found.source) == ("v1", "imported")
    shown = bundle("show")
    assert found.digest in shown
    assert WHY in shown
    assert '"auc": 0.75' in shown


def test_versions_and_digests_name_a_bundle(made_bundle: Callable[..., Path]) -> None:
    bundle("add", str(made_bundle("v1")))
    bundle("add", str(made_bundle("v2")))
    bundle("promote", "v1", "--reason", WHY)
    first = champion()
    bundle("promote", "v2", "--reason", WHY)
    listed = bundle("list").splitlines()
    assert [line[0] for line in listed] == [" ", "*"]
    assert first is not None
    bundle("promote", first.digest[:12], "--reason", WHY)
    assert champion() == first
    bundle("rollback", "--reason", WHY)
    assert champion() != first


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["promote", "nothing", "--reason", "It is better."], "bundle list"),
        (["promote", "v1"], "required: --reason"),
        (["promote", "v1", "--reason", " short "], "at least 10"),
        (["add", "/nowhere"], "cannot be read"),
        (["rollback", "--reason", "Too many alarms."], "No other bundle"),
        (["rollback"], "required: --reason"),
        (["show"], "prepare"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says) as error:
        bundle(*arguments)
    assert "\n" not in str(error.value)


def test_the_bank_can_switch_promotion_on_the_command_line_off(
    made_bundle: Callable[..., Path], settings: LazySettings
) -> None:
    bundle("promote", str(made_bundle("v1")), "--reason", WHY)
    bundle("add", str(made_bundle("v2")))
    settings.COMMAND_LINE_PROMOTION = False
    for arguments in (["promote", "v2"], ["rollback"]):
        with pytest.raises(CommandError, match="switched off"):
            bundle(*arguments, "--reason", WHY)
    serving = champion()
    assert serving is not None
    assert serving.version == "v1"


def test_a_folder_that_a_training_run_made_here_stays_trained_here(
    made_bundle: Callable[..., Path],
) -> None:
    folder = made_bundle("v1")
    bundle_register(path=folder, source=Bundle.Source.TRAINED)
    bundle("promote", str(folder), "--reason", WHY)
    assert Bundle.objects.get().source == Bundle.Source.TRAINED


def test_a_bundle_goes_into_the_shadow_and_leaves_it(made_bundle: Callable[..., Path]) -> None:
    bundle("promote", str(made_bundle("v1")), "--reason", WHY)
    bundle("add", str(made_bundle("v2")))
    assert bundle("shadow") == "No bundle is in shadow mode.\n"
    assert "v2" in bundle("shadow", "v2")
    assert "in the shadow" in bundle("shadow")
    with pytest.raises(CommandError, match="Another bundle"):
        bundle("shadow", "v2")
    assert "is no longer in shadow mode" in bundle("shadow", "--end")
    with pytest.raises(CommandError, match="No bundle"):
        bundle("shadow", "--end")
    with pytest.raises(CommandError, match="serves already"):
        bundle("shadow", "v1")
