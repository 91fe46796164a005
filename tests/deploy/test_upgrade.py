"""The migrations of this release run over a filled database while the release before takes posts on it."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg
import pytest

from kyc_review.demo.client import multipart
from tests.factories.databases import database, url_of
from tests.factories.pictures import jpeg_bytes
from tests.factories.processes import free_port, wait_for
from tests.factories.release_before import ROOT, environment, unpack_code

ROWS = 20_000
# Copies of one submission, whose pictures are not asked for.
FILL = """
INSERT INTO submissions_submission
SELECT copy.* FROM generate_series(1, %s) number, (SELECT * FROM submissions_submission LIMIT 1) one,
    jsonb_populate_record(NULL::submissions_submission, to_jsonb(one) || jsonb_build_object(
        'id', gen_random_uuid(), 'image_key', 'copy/' || number, 'state', 'cancelled', 'cancelled_at', one.received_at
    )) copy
"""


class Poster:
    """Posts one selfie after the other until it is told to stop, and keeps what was answered."""

    def __init__(self, address: str, key: str, picture: Path) -> None:
        self.accepted: list[str] = []
        self.statuses: Counter[int | str] = Counter()
        self._address, self._key, self._picture = f"{address}/api/v1/submissions", key, picture
        self._stop = Event()

    @contextmanager
    def posting(self) -> Iterator[None]:
        thread = Thread(target=self._post_all)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _post_all(self) -> None:
        while not self._stop.wait(0.1):
            number = self.statuses.total()
            body, content_type = multipart(self._picture, {"external_ref": f"application-{number}"})
            headers = {"Content-Type": content_type, "Idempotency-Key": str(number)}
            try:
                answer, status = self.ask("", body, headers)
            except OSError as error:
                self.statuses[repr(error)] += 1
                continue
            self.statuses[status] += 1
            if status == 202:
                self.accepted.append(answer["id"])

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[dict, int]:
        request = Request(
            self._address + path, body, {"Authorization": f"Bearer {self._key}"} | (headers or {})
        )
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer), answer.status
        except HTTPError as refused:
            return {}, refused.code


@pytest.mark.slow
def test_nothing_is_refused_for_long_and_nothing_is_lost(tmp_path: Path) -> None:
    unpack_code(code := tmp_path / "code")
    (picture := tmp_path / "selfie.jpg").write_bytes(jpeg_bytes(200, 200))
    with database("upgraded") as name:
        its_own = environment(
            DATABASE_URL=url_of(name), DATA_DIR=str(tmp_path / "data"), API_RATE_PER_MINUTE="1000000"
        )
        manage(code, its_own, "prepare", "--without-bundle")
        key = manage(code, its_own, "integration", "add", "mobile-app").split()[-1]
        with serving(code, its_own) as address, psycopg.connect(url_of(name), autocommit=True) as rows:
            poster = Poster(address, key, picture)
            with poster.posting():
                wait_for(lambda: len(poster.accepted) >= 3)
                rows.execute(FILL, [ROWS])
                before = len(poster.accepted)
                manage(ROOT, its_own, "prepare", "--without-bundle")
                during = len(poster.accepted)
                wait_for(lambda: len(poster.accepted) >= during + 3)
            assert during > before, "posts waited until the migrations were over"
            assert set(poster.statuses) <= {202, 503}
            assert {poster.ask(f"/{one}")[1] for one in poster.accepted} == {200}
            found = rows.execute(
                "SELECT image_key FROM submissions_submission WHERE image_key NOT LIKE 'copy/%%'"
            ).fetchall()
            assert len(found) == len(poster.accepted)
            assert all((tmp_path / "data" / "originals" / key).exists() for (key,) in found)
            assert rows.execute("SELECT count(*) FROM submissions_submission").fetchone() == (
                ROWS + len(poster.accepted),
            )


def manage(code: Path, its_own: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=code, env=its_own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(code: Path, its_own: dict[str, str]) -> Iterator[str]:
    """The address of the web process of that code."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "4", "--no-ws", "kyc_review.wsgi:application"]
    process = subprocess.Popen(
        command, cwd=code, env=its_own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/livez"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def answers(url: str) -> bool:
    try:
        urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True
