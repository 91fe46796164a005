from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from kyc_review.registry.selectors import champion

pytestmark = pytest.mark.django_db


def bundle(*arguments: str) -> str:
    out = StringIO()
    call_command("bundle", *arguments, stdout=out)
    return out.getvalue()


def test_a_folder_is_promoted_in_one_step_and_shown(made_bundle: Callable[..., Path]) -> None:
    assert "v1" in bundle("promote", str(made_bundle("v1")), "--reason", "first")
    found = champion()
    assert found is not None
    assert (found.version, found.source) == ("v1", "trained")
    shown = bundle("show")
    assert found.digest in shown
    assert "first" in shown
    assert '"auc": 0.75' in shown


def test_versions_and_digests_name_a_bundle(made_bundle: Callable[..., Path]) -> None:
    bundle("add", str(made_bundle("v1")))
    bundle("add", str(made_bundle("v2")))
    bundle("promote", "v1")
    first = champion()
    bundle("promote", "v2")
    listed = bundle("list").splitlines()
    assert [line[0] for line in listed] == [" ", "*"]
    assert first is not None
    bundle("promote", first.digest[:12])
    assert champion() == first
    bundle("rollback", "--reason", "alarms")
    assert champion() != first


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["promote", "nothing"], "bundle list"),
        (["add", "/nowhere"], "cannot be read"),
        (["rollback"], "No other bundle"),
        (["show"], "prepare"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says) as error:
        bundle(*arguments)
    assert "\n" not in str(error.value)


def test_a_bundle_goes_into_the_shadow_and_leaves_it(made_bundle: Callable[..., Path]) -> None:
    bundle("promote", str(made_bundle("v1")))
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
