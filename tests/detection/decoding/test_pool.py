"""Decoders live on, are replaced when they die, and a short queue keeps others from waiting without end."""

import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from detection.decoding import ImageRefused, decode, decoder_process, has_room, inspect, limits
from detection.decoding import pool as pools
from tests.factories import phone_files as phone
from tests.factories.image_files import face, png_bomb, saved

SMALL = phone.jpeg(face())
LARGE = saved(Image.new("RGB", (7000, 7000)), "WEBP", lossless=True)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """limited(wait_s=...) changes limits for one test."""

    def change(**changes: float) -> None:
        monkeypatch.setattr(limits, "_limits", replace(limits.current(), **changes))  # type: ignore[arg-type]

    yield change
    pools.close()


def decoders() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "detection.decoding" in " ".join(child.cmdline())]


def test_a_decoder_lives_on() -> None:
    decode(SMALL)
    before = {one.pid for one in decoders()}
    for _ in range(5):
        decode(SMALL)
    assert {one.pid for one in decoders()} == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc is not glibc's")
def test_a_decoder_uses_the_memory_of_one_photograph_for_the_next(limited: Callable[..., None]) -> None:
    def faults() -> int:  # proc_pid_stat(5), field 10: pages that were mapped without reading a disk
        (decoder,) = decoders()
        return int(Path(f"/proc/{decoder.pid}/stat").read_bytes().rpartition(b")")[2].split()[7])

    limited(processes=1)
    photograph = saved(Image.new("RGB", (4032, 3024), "gray"), "JPEG")
    for _ in range(3):
        decode(photograph, max_side=2048)
    before = faults()
    decode(photograph, max_side=2048)
    assert faults() - before < 1000  # its pixels alone are 3000 pages


def test_a_decoder_that_was_killed_is_replaced() -> None:
    decode(SMALL)
    for one in decoders():
        one.send_signal(signal.SIGKILL)
    time.sleep(0.2)
    assert decode(SMALL).size == (64, 96)


def test_a_decoder_that_dies_at_work_costs_one_answer_and_no_more(limited: Callable[..., None]) -> None:
    limited(processes=1)
    decode(SMALL)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(inspect, LARGE)
        time.sleep(0.1)
        decoders()[0].send_signal(signal.SIGKILL)
        with pytest.raises(ImageRefused) as refused:
            answer.result(20)
    assert refused.value.code == "busy", "the kernel kills for lack of memory, so it may be sent again"
    assert decode(SMALL).size == (64, 96)


@pytest.mark.slow
def test_a_picture_that_takes_too_long_is_refused_and_ends_its_decoder(limited: Callable[..., None]) -> None:
    limited(cpu_s=1, processes=1)
    noise = Image.effect_noise((7000, 7000), 60).convert("RGB")
    progressive = phone.jpeg(noise, progressive=True, quality=75)
    scan = progressive.rindex(b"\xff\xda")
    slow = progressive[:-2] + progressive[scan:-2] * 21 + b"\xff\xd9"
    decode(SMALL)
    before = decoders()[0].pid
    with pytest.raises(ImageRefused) as refused:
        decode(slow)
    assert refused.value.code == "too_costly"
    assert decode(SMALL).size == (64, 96)
    assert decoders()[0].pid != before


def test_processor_time_is_counted_for_each_picture_alone(limited: Callable[..., None]) -> None:
    limited(cpu_s=1, processes=1)
    data = phone.jpeg(face(3000, 3000))
    decode(data)
    (decoder,) = decoders()
    for _ in range(500):
        assert inspect(data).width == 3000
        assert decode(data, max_side=2999).width == 2999
        if sum(decoder.cpu_times()[:2]) > 2.5:
            break
    assert sum(decoder.cpu_times()[:2]) > 2.5, "more than one picture may take"
    assert [one.pid for one in decoders()] == [decoder.pid]


def test_a_decoder_that_stands_still_is_ended(limited: Callable[..., None]) -> None:
    limited(wall_s=4, processes=1)
    decode(SMALL)
    decoders()[0].suspend()
    with pytest.raises(ImageRefused) as refused:
        decode(SMALL)
    assert refused.value.code == "busy"
    assert decode(SMALL).size == (64, 96)


class AfterWork(threading.Timer):
    """Rings when the only decoder has used 0.3 s of processor time for this picture, however long that takes: on a
    machine with much other work it may get less than that in a second, or not even start in one."""

    def run(self) -> None:
        (decoder,) = decoders()
        before = sum(decoder.cpu_times()[:2])
        while not self.finished.wait(0.01):
            if sum(decoder.cpu_times()[:2]) >= before + 0.3:
                self.function(*self.args, **self.kwargs)
                return


@pytest.mark.slow
def test_a_picture_that_reaches_the_wall_limit_by_its_own_work_is_too_costly(
    limited: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(cpu_s=60, processes=1)
    monkeypatch.setattr(decoder_process, "COSTLY_SHARE", 0.2 / 60)
    noise = Image.effect_noise((4000, 4000), 60).convert("RGB")
    slow = phone.jpeg(noise, progressive=True, quality=75)
    scan = slow.rindex(b"\xff\xda")
    slow = slow[:-2] + slow[scan:-2] * 21 + b"\xff\xd9"
    decode(SMALL)
    with monkeypatch.context() as patched:
        patched.setattr(threading, "Timer", AfterWork)
        with pytest.raises(ImageRefused) as refused:
            decode(slow)
    assert (refused.value.code, refused.value.status) == ("too_costly", 422), "sending it again does not help"
    assert decode(SMALL).size == (64, 96)


def test_too_little_memory_is_a_refusal_and_the_decoder_goes_on(limited: Callable[..., None]) -> None:
    limited(memory_bytes=250_000_000, processes=1)
    decode(SMALL)
    before = decoders()[0].pid
    with pytest.raises(ImageRefused) as refused:
        inspect(saved(Image.new("RGBA", (8000, 8000)), "PNG", compress_level=1))
    assert (refused.value.code, refused.value.status) == ("too_costly", 422)
    assert decode(SMALL).size == (64, 96)
    assert decoders()[0].pid == before


def occupied() -> AbstractContextManager[None]:
    """One place is taken by a large picture."""
    return pools.pool(limits.current())._place(is_large=True, queue=pools.Queueing(1, 1))


def test_an_upload_waits_its_time_and_is_then_told_to_come_again(limited: Callable[..., None]) -> None:
    limited(processes=1, wait_s=0.3)
    released = []
    with occupied():
        began = time.monotonic()
        with pytest.raises(ImageRefused) as refused:
            inspect(SMALL, before_waiting=lambda: released.append(True))
        assert 0.25 < time.monotonic() - began < 5
    assert (refused.value.code, refused.value.status) == ("busy", 503)
    assert released == [True], "it could give its connection back"
    assert inspect(SMALL).width == 64


def test_only_so_many_uploads_wait(limited: Callable[..., None]) -> None:
    limited(processes=1, wait_s=3, waiting=2)
    with occupied(), ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(inspect, SMALL) for _ in range(2)]
        time.sleep(0.5)
        began = time.monotonic()
        assert not has_room(SMALL)
        with pytest.raises(ImageRefused):
            inspect(SMALL)
        assert time.monotonic() - began < 1, "it was refused at once"
        for answer in waiting:
            with pytest.raises(ImageRefused):
                answer.result(10)


def test_large_pictures_leave_a_decoder_and_half_the_queue_to_others(limited: Callable[..., None]) -> None:
    limited(processes=2, wait_s=5, waiting=2)
    with ThreadPoolExecutor(1) as threads, occupied():
        assert has_room(LARGE)
        waiting = threads.submit(inspect, LARGE)
        time.sleep(0.3)
        assert not has_room(LARGE)
        assert has_room(SMALL)
        assert inspect(SMALL).width == 64
        assert not waiting.done()
    assert waiting.result(20).width == 7000


def test_a_worker_waits_patiently(limited: Callable[..., None]) -> None:
    limited(processes=1, wait_s=0.05)
    with ThreadPoolExecutor(6) as threads:
        images = list(threads.map(decode, [phone.jpeg(face(2000, 2000))] * 12))
    assert {image.size for image in images} == {(2000, 2000)}


def test_decoders_end_with_their_process() -> None:
    code = (
        "import sys; from detection.decoding import inspect; from detection.decoding import pool\n"
        "inspect(sys.stdin.buffer.read()); print(pool._pool._idle[0].pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=SMALL, capture_output=True, timeout=60)
    pid = int(done.stdout)
    for _ in range(50):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the decoder outlived its parent")


def test_a_forked_process_has_decoders_of_its_own() -> None:
    decode(SMALL)
    parents = {one.pid for one in decoders()}
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        decode(SMALL)
        os.write(writer, " ".join(str(one.pid) for one in decoders()).encode())
        pools.close()
        os._exit(0)
    os.waitpid(child, 0)
    found = {int(pid) for pid in os.read(reader, 1000).split()}
    assert found
    assert not found & parents
    assert decode(SMALL).size == (64, 96)


@pytest.mark.slow
def test_every_format_of_64_megapixels_fits_into_the_memory() -> None:
    grey = Image.new("L", (8000, 8000), 99)
    for data in (
        png_bomb(8000, 8000),
        saved(grey.convert("RGBA"), "WEBP", lossless=True, quality=0, method=0),
        phone.jpeg(grey.convert("RGB"), subsampling=0),
        saved(grey.convert("RGBA"), "PNG", compress_level=1),
        phone.jpeg(grey.convert("CMYK"), progressive=True),
    ):
        assert inspect(data).width == 8000
        assert decode(data, max_side=1600).size == (1600, 1600)
