import sys
from threading import Barrier, Thread

import redis

from kyc_review.core import valkey


def test_threads_that_ask_first_at_the_same_moment_share_one_client() -> None:
    """A second one would close its connections, the first requests' among them, when it is forgotten."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            valkey._made.cache_clear()
            given: list[redis.Redis] = []
            start = Barrier(8)

            def ask(given: list[redis.Redis] = given, start: Barrier = start) -> None:
                start.wait()
                given.append(valkey.client())

            threads = [Thread(target=ask) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(given) == 8
            assert len({id(one) for one in given}) == 1
    finally:
        sys.setswitchinterval(before)
