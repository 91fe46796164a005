"""python -m bench.encryption COUNT: what encryption costs a post and scoring, in turns in one process, as one JSON.

`python -m bench encryption` runs it with the environment of a Postgres of its own. Posts go through Django's test
client, which takes less than HTTP, and selfies of 600 x 600 are scored by the real worker, so no share is flattered.
The key-encryption key is one that a file holds, or one that AWS KMS (moto's, on loopback) unwraps.
"""

import json
import logging
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.folders import bench_folder
from bench.own_postgres import measured_in
from bench.report import line
from devstack.progress import Say

TURNS = 5
SHARE_MAX = 0.10
ENCRYPTED = {"file": "a key in a file", "kms": "a key that AWS KMS unwraps"}


def run(count: int, say: Say) -> bool:
    """Whether encryption costs a post and scoring at most SHARE_MAX each."""
    found = measured_in("bench.encryption", [str(count)], say)
    print(f"Encryption at rest, {TURNS} turns of {count} selfies of 600 x 600, with and without:")
    done = []
    for name, title in (("post", "a post, at the median"), ("score", "scoring a selfie")):
        line(title, f"{found[f'{name}_plain_s'] * 1000:.1f} ms")
        for way, key in ENCRYPTED.items():
            cost, seconds = found[f"{name}_{way}_cost"], found[f"{name}_{way}_s"]
            is_cheap = line(
                f"  {key}",
                f"{seconds * 1000:.1f} ms, {cost:+.1%}",
                reached=cost <= SHARE_MAX,
                target=f"<= {SHARE_MAX:.0%}",
            )
            done.append(is_cheap)
    line("calls of KMS", str(found["kms_calls"]))
    return all(done)


def measure(count: int, files: Mapping[str, Path]) -> dict[str, float]:
    """files: the key file of each way to encrypt. Seconds of a post and of scoring one; cost: the median of the turns'
    ratios, less one."""
    from django.conf import settings

    from bench import audit
    from kyc_review.accounts.services import roles_ensure
    from kyc_review.pipeline import worker
    from kyc_review.registry.bundles import baseline_install
    from kyc_review.submissions.storage_identity import storage_identity_ensure

    roles_ensure()
    storage_identity_ensure()
    baseline_install()
    settings.SCORING_DEVICE = "cpu"
    seconds: dict[str, list[float]] = defaultdict(list)
    ways = ["plain", *files]
    post = audit.poster()
    for turn in range(TURNS + 1):  # the first one warms up
        for way in ways if turn % 2 else reversed(ways):
            settings.KEY_ENCRYPTION = way != "plain"
            settings.KEY_ENCRYPTION_KEY_FILE = str(files.get(way, ""))
            posted = median(post() for _ in range(count))
            started = time.perf_counter()
            if worker.run_until_idle() != count:
                raise SystemExit("error: not every selfie was scored")
            if turn:
                seconds[f"post_{way}_s"].append(posted)
                seconds[f"score_{way}_s"].append((time.perf_counter() - started) / count)
    costs = {
        f"{name}_{way}_cost": median(
            encrypted / plain - 1
            for plain, encrypted in zip(seconds[f"{name}_plain_s"], seconds[f"{name}_{way}_s"], strict=True)
        )
        for name in ("post", "score")
        for way in files
    }
    return {name: median(taken) for name, taken in seconds.items()} | costs


def main(count: int) -> None:
    from kyc_review.encryption.providers import new_key_text

    with bench_folder() as folder, kms_key() as (line, calls):
        lines = {"file": new_key_text(), "kms": line}
        files = {way: folder / way for way in ENCRYPTED}
        for way, path in files.items():  # both files hold both keys: all that are in use must be there
            path.write_text("\n".join([lines[way], *lines.values()]))
        print(json.dumps(measure(count, files) | {"kms_calls": len(calls)}))


@contextmanager
def kms_key() -> Iterator[tuple[str, list[str]]]:
    """(line of a key file that AWS KMS wrapped, the operations that are asked of KMS from now on)."""
    import boto3
    from moto.server import ThreadedMotoServer

    from kyc_review.encryption import aws_kms

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    os.environ["AWS_ENDPOINT_URL_KMS"] = f"http://{host}:{port}"
    arn = boto3.client("kms", region_name="eu-central-1").create_key()["KeyMetadata"]["Arn"]
    line, calls = aws_kms.new_line(arn), list[str]()
    call = aws_kms._call

    def counted(operation: str, *arguments: Any, **named: Any) -> Any:
        calls.append(operation)
        return call(operation, *arguments, **named)

    aws_kms._call = counted
    yield line, calls
    server.stop()


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    main(int(sys.argv[1]))
