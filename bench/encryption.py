"""python -m bench.encryption COUNT: what encryption costs a post and scoring, in turns in one process, as one JSON.

`python -m bench encryption` runs it with the environment of a Postgres of its own. Posts go through Django's test
client, which takes less than HTTP, and selfies of 600 x 600 are scored by the real worker, so no share is flattered.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.own_postgres import measured_in
from bench.report import line
from devstack.progress import Say

TURNS = 5
SHARE_MAX = 0.10


def run(count: int, say: Say) -> bool:
    """Whether encryption costs a post and scoring at most SHARE_MAX each."""
    found = measured_in("bench.encryption", [str(count)], say)
    print(f"Encryption at rest, {TURNS} turns of {count} selfies of 600 x 600, with and without:")
    done = []
    for name, title in (("post", "a post, at the median"), ("score", "scoring a selfie")):
        plain, encrypted = found[f"{name}_plain_s"], found[f"{name}_encrypted_s"]
        line(title, f"{plain * 1000:.1f} ms, encrypted {encrypted * 1000:.1f} ms")
        cost = found[f"{name}_cost"]
        done.append(line("  cost", f"{cost:+.1%}", reached=cost <= SHARE_MAX, target=f"<= {SHARE_MAX:.0%}"))
    return all(done)


def measure(count: int) -> dict[str, float]:
    """Seconds of a post and of scoring one; cost: the median of the turns' ratios, less one."""
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
    seconds: dict[str, list[float]] = {
        f"{name}_{way}_s": [] for name in ("post", "score") for way in ("plain", "encrypted")
    }
    post = audit.poster()
    for turn in range(TURNS + 1):  # the first one warms up
        for is_on in (False, True) if turn % 2 else (True, False):
            settings.KEY_ENCRYPTION = is_on
            posted = median(post() for _ in range(count))
            started = time.perf_counter()
            if worker.run_until_idle() != count:
                raise SystemExit("error: not every selfie was scored")
            if turn:
                way = "encrypted" if is_on else "plain"
                seconds[f"post_{way}_s"].append(posted)
                seconds[f"score_{way}_s"].append((time.perf_counter() - started) / count)
    costs = {
        f"{name}_cost": median(
            encrypted / plain - 1
            for plain, encrypted in zip(
                seconds[f"{name}_plain_s"], seconds[f"{name}_encrypted_s"], strict=True
            )
        )
        for name in ("post", "score")
    }
    return {name: median(taken) for name, taken in seconds.items()} | costs


def main(count: int) -> None:
    from django.conf import settings

    from kyc_review.encryption.key_files import key_file_create

    with tempfile.TemporaryDirectory(prefix="kyc-bench-data-") as folder:
        settings.KEY_ENCRYPTION_KEY_FILE = f"{folder}/keys"
        key_file_create(Path(settings.KEY_ENCRYPTION_KEY_FILE))
        print(json.dumps(measure(count)))


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc_review.settings")
    django.setup()
    main(int(sys.argv[1]))
