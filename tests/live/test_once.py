import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kyc_review.demo.client import multipart
from kyc_review.submissions.models import Submission
from tests.factories.pictures import jpeg_bytes


def test_two_hundred_identical_posts_at_once_make_one_submission(
    server: str, live_key: str, tmp_path: Path
) -> None:
    """Each client repeats what was in flight, as it is told to; every one ends with the same 202."""
    image = tmp_path / "selfie.jpg"
    image.write_bytes(jpeg_bytes(600, 600))

    def post(_: int) -> list[tuple[int, str]]:
        answers: list[tuple[int, str]] = []
        while not answers or answers[-1][0] == 409:
            body, content_type = multipart(image, {"external_ref": "application-1"})
            headers = {
                "Content-Type": content_type,
                "Idempotency-Key": "one",
                "Authorization": f"Bearer {live_key}",
            }
            try:
                with urlopen(Request(f"{server}/api/v1/submissions", body, headers), timeout=60) as answer:
                    answers.append((answer.status, json.load(answer)["id"]))
            except HTTPError as refused:
                answers.append((refused.code, json.load(refused)["code"]))
        return answers

    with ThreadPoolExecutor(200) as clients:
        told = [answer for answers in clients.map(post, range(200)) for answer in answers]
    row = Submission.objects.get()
    counted = Counter(told)
    assert counted.pop((202, str(row.pk))) == 200
    assert set(counted) <= {(409, "idempotency_key_in_flight")}
