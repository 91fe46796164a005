"""What the bank makes of checks that did not pass."""

import os
import re
import subprocess
import sys

import pytest
from PIL import Image

from detection.checks import Check, CheckCode, CheckName, CheckStatus
from detection.faces.examine import examine
from kyc_review.submissions.check_policy import DEFAULT, TOLD_FIRST, Action, judge, policy_read
from tests.factories.checks import checks, doubting, failing
from tests.factories.scenes import FACELESS, pasted, sample

CODES = {
    CheckName.INTACT: CheckCode.DAMAGED,
    CheckName.UNIFORM: CheckCode.BLANK,
    CheckName.FACE_FOUND: CheckCode.NO_FACE,
    CheckName.SINGLE_FACE: CheckCode.SEVERAL_FACES,
    CheckName.FACE_SIZE: CheckCode.FACE_TOO_SMALL,
    CheckName.FACE_COMPLETE: CheckCode.FACE_CUT_OFF,
    CheckName.FACE_VISIBLE: CheckCode.OCCLUDED,
    CheckName.POSE: CheckCode.TURNED_AWAY,
    CheckName.SHARPNESS: CheckCode.BLURRED,
    CheckName.EXPOSURE: CheckCode.TOO_DARK,
}
SENT_BACK = {"uniform", "face_found", "single_face", "face_size", "sharpness", "exposure"}


def test_only_a_picture_that_passes_every_check_may_be_cleared() -> None:
    assert judge(checks(), DEFAULT).may_clear
    for name in CheckName:
        assert not judge(failing(name, CODES[name]), DEFAULT).may_clear
        assert not judge(doubting(name, CODES[name]), DEFAULT).may_clear


@pytest.mark.parametrize("name", CheckName)
def test_by_default_a_clear_fail_of_the_picture_is_sent_back_and_all_else_goes_to_a_person(
    name: CheckName,
) -> None:
    failed = judge(failing(name, CODES[name]), DEFAULT)
    if name.value in SENT_BACK:
        assert (failed.action, failed.code) == (Action.RESUBMIT, CODES[name])
    else:
        assert (failed.action, failed.code) == (Action.REVIEW, None)
    assert judge(doubting(name, CODES[name]), DEFAULT).action is Action.REVIEW


@pytest.mark.parametrize("status", [CheckStatus.DOUBT, CheckStatus.FAIL])
@pytest.mark.parametrize("name", CheckName)
def test_every_check_sends_a_picture_back_where_the_policy_says_so(
    name: CheckName, status: CheckStatus
) -> None:
    policy = policy_read([f"{name.value}:{status.value}=resubmit"])
    judged = judge(checks(**{name.value: (status, CODES[name])}), policy)
    assert (judged.action, judged.is_sent_back, judged.code) == (Action.RESUBMIT, True, CODES[name])
    assert sorted(TOLD_FIRST) == sorted(CheckName), "each once"


def test_a_check_that_was_not_made_is_doubt() -> None:
    assert judge((), DEFAULT).action is Action.REVIEW
    without_pose = [check for check in checks() if check.name is not CheckName.POSE]
    judged = judge(without_pose, DEFAULT)
    assert judged.action is Action.REVIEW
    assert {one.check.code for one in judged.checks} == {None, CheckCode.CHECK_FAILED}


def test_an_ignored_check_lets_a_picture_pass_but_not_an_error_of_that_check() -> None:
    policy = policy_read(["pose:doubt=ignore", " pose:fail = ignore "])
    assert judge(doubting(CheckName.POSE, CheckCode.TURNED_AWAY), policy).may_clear
    assert judge(doubting(CheckName.POSE, CheckCode.CHECK_FAILED), policy).action is Action.REVIEW


def test_a_damaged_file_goes_to_a_person_even_when_no_face_is_left_in_it() -> None:
    found = [check for check in checks() if check.name not in (CheckName.INTACT, CheckName.FACE_FOUND)]
    found.append(Check(CheckName.INTACT, CheckStatus.FAIL, code=CheckCode.DAMAGED))
    found.append(Check(CheckName.FACE_FOUND, CheckStatus.FAIL, code=CheckCode.NO_FACE))
    assert judge(found, DEFAULT).action is Action.REVIEW
    assert judge(found, policy_read(["intact:fail=resubmit"])).code is CheckCode.DAMAGED


def failed(*codes: CheckCode) -> dict[str, tuple[CheckStatus, CheckCode]]:
    names = {code: name for name, code in CODES.items()} | {CheckCode.NOT_UPRIGHT: CheckName.POSE}
    return {names[code].value: (CheckStatus.FAIL, code) for code in codes}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([CheckCode.NO_FACE, CheckCode.TOO_DARK], CheckCode.TOO_DARK),
        ([CheckCode.BLANK, CheckCode.NO_FACE, CheckCode.TOO_DARK], CheckCode.TOO_DARK),
        ([CheckCode.BLANK, CheckCode.NO_FACE], CheckCode.BLANK),
        ([CheckCode.TOO_DARK, CheckCode.BLURRED, CheckCode.FACE_TOO_SMALL], CheckCode.TOO_DARK),
        ([CheckCode.SEVERAL_FACES, CheckCode.FACE_TOO_SMALL], CheckCode.SEVERAL_FACES),
        ([CheckCode.FACE_TOO_SMALL, CheckCode.BLURRED, CheckCode.NO_FACE], CheckCode.FACE_TOO_SMALL),
        ([CheckCode.BLURRED, CheckCode.NO_FACE], CheckCode.BLURRED),
        ([CheckCode.NO_FACE, CheckCode.FACE_CUT_OFF], CheckCode.FACE_CUT_OFF),
        ([CheckCode.NO_FACE, CheckCode.NOT_UPRIGHT], CheckCode.NOT_UPRIGHT),
        ([CheckCode.BLURRED, CheckCode.NOT_UPRIGHT], CheckCode.BLURRED),
    ],
)
def test_the_cause_is_told_before_what_it_led_to(found: list[CheckCode], told: CheckCode) -> None:
    judged = judge(checks(**failed(*found)), DEFAULT)
    assert (judged.action, judged.code) == (Action.RESUBMIT, told)


def test_a_check_that_the_bank_ignores_explains_nothing() -> None:
    judged = judge(
        checks(**failed(CheckCode.NO_FACE, CheckCode.FACE_CUT_OFF)),
        policy_read(["face_complete:fail=ignore"]),
    )
    assert (judged.action, judged.code) == (Action.RESUBMIT, CheckCode.NO_FACE)


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (
            pasted(Image.new("RGB", (600, 600), (170, 170, 165)), sample(2), 30, (270, 270)),
            CheckCode.FACE_TOO_SMALL,
        ),
        (sample(4).point([round(level * 0.05) for level in range(256)] * 3), CheckCode.TOO_DARK),
        (FACELESS["black"], CheckCode.TOO_DARK),
        (FACELESS["white"], CheckCode.BLANK),
        (FACELESS["document"], CheckCode.NO_FACE),
        (FACELESS["landscape"], CheckCode.NO_FACE),
    ],
    ids=["tiny face", "face in the dark", "black", "white", "page", "landscape"],
)
def test_real_pictures_are_sent_back_with_their_cause(picture: Image.Image, told: CheckCode) -> None:
    judged = judge(examine(picture).checks, DEFAULT)
    assert (judged.action, judged.code) == (Action.RESUBMIT, told)


@pytest.mark.parametrize("number", [0, 2, 4, 5])
@pytest.mark.parametrize("share", [0.25, 0.4])
def test_a_face_that_is_cut_is_never_said_to_be_absent(number: int, share: float) -> None:
    picture = sample(number)
    box = examine(picture).faces[0].box
    cut = picture.crop((round(box.left + share * box.width), 0, *picture.size))
    judged = judge(examine(cut).checks, DEFAULT)
    assert not judged.may_clear
    assert judged.code in (None, CheckCode.FACE_CUT_OFF)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("pose", "check:status=action"),
        ("pose:doubt", "check:status=action"),
        ("posture:doubt=review", "'posture' in 'posture:doubt=review' is unknown; choose one of intact"),
        ("pose:pass=review", "'pass' in 'pose:pass=review' is unknown; choose one of doubt, fail"),
        ("pose:doubt=clear", "choose one of resubmit, review, ignore"),
        ("face_found:fail=ignore", "no picture is cleared without a face"),
        ("face_found:doubt=ignore", "no picture is cleared without a face"),
        ("single_face:fail=ignore", "may not ignore single_face:fail: with several faces"),
        ("intact:fail=ignore", "may not ignore intact:fail: a damaged or extended file"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused_with_what_to_write(entry: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        policy_read([entry])


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="Keep one of them"):
        policy_read(["pose:doubt=ignore", "pose:fail=review", "pose:doubt=review"])
    assert policy_read(["pose:doubt=ignore"] * 2) == policy_read(["pose:doubt=ignore"])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("pose:doubt=maybe", "'maybe' in 'pose:doubt=maybe' is unknown"),
        ("intact:fail=ignore", "may not ignore intact:fail"),
    ],
)
def test_a_process_with_an_unusable_policy_does_not_start(entry: str, told: str) -> None:
    code = "import kyc_review.settings"
    env = os.environ | {
        "CHECK_POLICY": entry,
        "SECRET_KEY": "x",
        "DATABASE_URL": "postgres://a:b@127.0.0.1:1/c",
        "VALKEY_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert told in done.stderr


def test_what_a_check_led_to_is_what_followed_for_the_picture() -> None:
    no_face = {
        "face_found": (CheckStatus.FAIL, CheckCode.NO_FACE),
        "pose": (CheckStatus.DOUBT, CheckCode.NO_FACE),
    }
    sent_back = judge(checks(**no_face), DEFAULT)
    assert {one.check.name: one.action for one in sent_back.checks if one.check.code} == {
        CheckName.FACE_FOUND: Action.RESUBMIT,
        CheckName.POSE: None,
    }
    damaged = judge(checks(**no_face, intact=(CheckStatus.FAIL, CheckCode.DAMAGED)), DEFAULT)
    assert {one.action for one in damaged.checks if one.check.code} == {Action.REVIEW}
