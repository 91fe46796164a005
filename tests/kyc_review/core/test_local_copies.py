"""Copies on this machine: made once, checked, bounded, cleaned up, also when two processes use them."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from kyc_review.core.local_copies import copies_remove, local_copy


class Source:
    """Fills folders with one file, and counts how often."""

    def __init__(self, content: str = "content", wait_s: float = 0.0) -> None:
        self.content, self.wait_s, self.times = content, wait_s, 0

    def fill(self, folder: Path) -> None:
        self.times += 1
        time.sleep(self.wait_s)
        (folder / "file").write_text(self.content)

    def is_sound(self, folder: Path) -> bool:
        return (folder / "file").read_text() == self.content

    def use(self, digest: str = "d1", kind: str = "things") -> str:
        with local_copy(kind, digest, fill=self.fill, is_sound=self.is_sound) as folder:
            return (folder / "file").read_text()


@pytest.fixture
def copies(settings: LazySettings) -> Callable[[], list[str]]:
    root = Path(settings.LOCAL_COPIES_DIR) / "things"
    return lambda: sorted(path.name for path in root.iterdir() if path.name != ".lock")


def test_a_copy_is_made_once_and_only_the_account_reads_it(
    settings: LazySettings, copies: Callable[[], list[str]]
) -> None:
    source = Source()
    assert [source.use(), source.use()] == ["content", "content"]
    assert (source.times, copies()) == (1, ["d1"])
    assert (Path(settings.LOCAL_COPIES_DIR) / "things" / "d1").stat().st_mode & 0o077 == 0


def test_two_at_once_make_it_once(copies: Callable[[], list[str]]) -> None:
    source, start, read = Source(wait_s=0.1), threading.Barrier(2), []

    def use() -> None:
        start.wait()
        read.append(source.use())

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (read, source.times, copies()) == (["content", "content"], 1, ["d1"])


def test_a_damaged_copy_is_made_again(settings: LazySettings, copies: Callable[[], list[str]]) -> None:
    source = Source()
    source.use()
    (Path(settings.LOCAL_COPIES_DIR) / "things" / "d1" / "file").write_text("rotten")
    assert (source.use(), source.times, copies()) == ("content", 2, ["d1"])


def test_what_never_becomes_sound_is_an_error_and_leaves_nothing(copies: Callable[[], list[str]]) -> None:
    source = Source()
    with (
        pytest.raises(OSError, match="3 times"),
        local_copy("things", "d1", fill=source.fill, is_sound=lambda folder: False),
    ):
        pass
    assert copies() == []


def test_a_copy_that_cannot_be_made_leaves_nothing(copies: Callable[[], list[str]]) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("the connection broke")

    with (
        pytest.raises(OSError, match="broke"),
        local_copy("things", "d1", fill=fail, is_sound=lambda _: True),
    ):
        pass
    assert copies() == []


def test_an_error_of_the_user_is_not_taken_for_one_of_the_copy() -> None:
    source = Source()
    with (
        pytest.raises(OSError, match="of the user"),
        local_copy("things", "d1", fill=source.fill, is_sound=source.is_sound),
    ):
        raise OSError("of the user")
    assert source.times == 1


def test_what_was_not_used_for_longest_makes_room_and_what_is_in_use_stays(
    settings: LazySettings, copies: Callable[[], list[str]]
) -> None:
    settings.LOCAL_COPIES_MAX_BYTES = 25
    source, root = Source("ten bytes."), Path(settings.LOCAL_COPIES_DIR) / "things"
    for number, digest in enumerate(("old", "used", "young")):
        with local_copy("things", digest, fill=source.fill, is_sound=source.is_sound):
            pass
        os.utime(root / digest, (number, number))
    assert copies() == ["used", "young"]
    os.utime(root / "used", (0, 0))
    with local_copy("things", "used", fill=source.fill, is_sound=source.is_sound):
        os.utime(root / "used", (0, 0))
        source.use("next")
        assert copies() == ["next", "used"]
    settings.LOCAL_COPIES_MAX_BYTES = 5
    assert source.use("larger than all") == "ten bytes."
    assert copies() == ["larger than all"]


def test_unused_copies_and_what_died_in_the_making_are_removed(
    settings: LazySettings, copies: Callable[[], list[str]]
) -> None:
    source, root = Source(), Path(settings.LOCAL_COPIES_DIR) / "things"
    source.use("unused")
    (root / ".staged-dead").mkdir()
    (root / ".stale-dead").mkdir()
    with local_copy("things", "used", fill=source.fill, is_sound=source.is_sound):
        assert copies() == ["unused", "used"]
        assert (copies_remove("things"), copies()) == (1, ["used"])
    assert (copies_remove("things"), copies()) == (1, [])
    assert copies_remove("no such kind") == 0
