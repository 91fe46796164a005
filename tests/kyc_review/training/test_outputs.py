"""What a job prints and reports reaches pages on other machines, and stays after its files are gone."""

import json
import shutil

import pytest

from kyc_review.training import outputs
from kyc_review.training.models import JobOutput, TrainingRun
from kyc_review.training.outputs import OutputRecorder
from kyc_review.training.progress import log_tail, progress_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def working(run: TrainingRun) -> TrainingRun:
    run.progress.parent.mkdir(parents=True)
    return run


def append(run: TrainingRun, *, done: int = 0, log: str = "", half: str = "") -> None:
    with open(run.progress, "a") as file:
        file.write((json.dumps({"done": done, "of": 10, "member": "north"}) + "\n" if done else "") + half)
    with open(run.log, "a") as file:
        file.write(log)


def test_pages_read_rows_while_it_works_and_one_row_a_part_in_the_end(working: TrainingRun) -> None:
    recorder = OutputRecorder(working)
    append(working, done=1, log="epoch 1\n", half='{"done": 2')
    recorder.record()
    append(working, half=', "of": 10}\n', log="epoch 2\nlast words")
    recorder.record()
    assert (progress_of(working).done, log_tail(working)) == (2, "epoch 1\nepoch 2")
    recorder.end()
    shutil.rmtree(working.directory)
    assert (progress_of(working).percent, log_tail(working)) == (20, "epoch 1\nepoch 2\nlast words")
    assert JobOutput.objects.count() == 2


def test_what_a_killed_worker_did_not_record_the_next_one_does(working: TrainingRun) -> None:
    append(working, done=1, log="epoch 1\n")
    OutputRecorder(working).record()
    append(working, done=2, log="killed\n")
    OutputRecorder(working).end()
    assert (progress_of(working).done, log_tail(working)) == (2, "epoch 1\nkilled")
    shutil.rmtree(working.directory)
    working.progress.parent.mkdir(parents=True)
    recorder = OutputRecorder(working)  # on another machine
    append(working, done=3, log="epoch 3\n")
    recorder.end()
    assert (progress_of(working).done, log_tail(working)) == (3, "epoch 1\nkilled\nepoch 3")


def test_a_long_log_keeps_its_end_and_no_byte_stops_it(
    working: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "KEPT_MAX", 20)
    recorder = OutputRecorder(working)
    append(working, log="x" * 50 + "\n")
    working.log.write_bytes(working.log.read_bytes() + b"\xff\0 the end\n")
    for _ in range(5):
        recorder.record()
    recorder.end()
    (row,) = JobOutput.objects.filter(part="log")
    assert (len(row.text), row.text.endswith(" the end\n")) == (20, True)


def test_a_run_of_an_earlier_release_has_files_alone(working: TrainingRun) -> None:
    append(working, done=4, log="as it was\n")
    assert (progress_of(working).done, log_tail(working)) == (4, "as it was")
