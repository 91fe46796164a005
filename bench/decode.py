"""What accepting photos of 12 megapixels costs, how many a second are accepted, and what hostile posts do to others."""

import asyncio
import io
import time
from collections import Counter

from PIL import Image

from bench.background import Load
from bench.images import jpegs
from bench.load import HOST, Answer, Connection, Target, concurrent
from bench.machine import described
from bench.product import Product
from bench.report import line, percentile

PHOTO_SIZE, PHOTO_BYTES = (4032, 3024), 3_000_000
COST_POSTS = 40
CPU_MS_MAX, ACCEPTED_PER_S_MIN, LIVEZ_MS_MAX = 60, 15, 100
AT_ONCE, HOSTILE_AT_ONCE = 6, 50
HOSTILE_SIZE = (8192, 6144)
LIVEZ_EVERY_S = 0.05
OUTCOMES_PER_S_MIN, DRAIN_S = 10, 300
RETRY_AFTER_S = 2  # as the refusals say (DECODER_RETRY_AFTER_S)


def run(running: Product, *, seconds: float, hostile: bool) -> bool:
    print(described())
    photo, small = photograph(), jpegs(count=1)
    fine = _cost(running, photo, small)
    fine = _rate(running, photo, seconds) and fine
    if not hostile:
        return fine
    fine = _hostile(running, seconds, pause_s=RETRY_AFTER_S, has_target=True) and fine
    # Clients that ignore Retry-After are a flood for the limits of the proxy in front; measured, without a target.
    _hostile(running, seconds, pause_s=0, has_target=False)
    return fine


def photograph() -> bytes:
    """A JPEG of 12 megapixels and about 3 MB, as telephones make them: a sample, enlarged, with a sensor's noise."""
    with Image.open(io.BytesIO(jpegs(count=1)[0])) as face:
        large = face.convert("RGB").resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
    large = Image.blend(large, Image.effect_noise(PHOTO_SIZE, 40).convert("RGB"), 0.12)
    low, high = 60, 98
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(_saved(large, middle)) <= PHOTO_BYTES else (low, middle)
    return _saved(large, low)


def _saved(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def hostile() -> bytes:
    """A lossless WebP (RFC 9649) of one colour: five prefix codes of one symbol each, so a pixel takes no bit."""
    width, height = HOSTILE_SIZE
    header = (width - 1) | (height - 1) << 14
    # No transform, no colour cache, no entropy image; each code: simple, one symbol, of one bit, 0.
    bits = sum(1 << (3 + 4 * number) for number in range(5))
    body = b"\x2f" + header.to_bytes(4, "little") + bits.to_bytes(4, "little")
    chunk = b"VP8L" + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
    return b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk


def _cost(running: Product, photo: bytes, small: list[bytes]) -> bool:
    """Processor time of the web processes and their decoders for one post, while nothing else runs."""
    cpu_ms = {}
    with running.paused("scoring"), running.paused("evidence"):
        for name, images in (("warm", [photo, *small]), ("photo", [photo]), ("small", small)):
            before = _cpu_s(running)
            _post_all(running, images, name)
            cpu_ms[name] = (_cpu_s(running) - before) * 1000 / COST_POSTS
    print(f"Intake of one post, web process and decoders ({len(photo) / 1e6:.1f} MB, 12 megapixels):")
    is_reached = cpu_ms["photo"] <= CPU_MS_MAX
    fine = line(
        "processor time", f"{cpu_ms['photo']:.0f} ms", reached=is_reached, target=f"<= {CPU_MS_MAX} ms"
    )
    line("  of 600x600", f"{cpu_ms['small']:.1f} ms")
    line("  ratio", f"{cpu_ms['photo'] / cpu_ms['small']:.1f}")
    return fine


def _post_all(running: Product, images: list[bytes], name: str) -> None:
    load: Load[Answer] = Load(
        lambda heard: concurrent(
            running.target, images, posts=COST_POSTS, at_once=2, name=f"cost-{name}", heard=heard
        )
    )
    running.wait(lambda: load.is_done, timeout_s=300, what="posting", every_s=0.02)
    refused = [answer.body for answer in load.answers if answer.status != running.target.accepted]
    if refused:
        raise SystemExit(f"error: {len(refused)} of {COST_POSTS} were refused: {refused[0]!r}")


def _cpu_s(running: Product, *, decoders: bool = True) -> float:
    web = running.process("web")
    assert web is not None
    family = [web, *web.children(recursive=True)]
    if not decoders:
        family = [one for one in family if not any("detection.decoding" in part for part in one.cmdline())]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def _rate(running: Product, photo: bytes, seconds: float) -> bool:
    """Photos accepted a second while they are scored, and outcomes a second until the last one has its own.

    One that is refused as busy is sent again.
    """
    statuses: Counter[int] = Counter()
    running.wait(lambda: not running.unscored(), timeout_s=DRAIN_S, what="outcomes of the photos before")
    began, before_s = time.perf_counter(), running.cpu_s_by_program()

    async def posting(heard: object) -> None:
        ends = time.perf_counter() + seconds

        async def poster(number: int) -> None:
            connection, count = Connection(running.target), 0
            while time.perf_counter() < ends:
                answer = await connection.post(f"rate-{number}-{count}", photo)
                statuses[answer.status] += 1
                count += answer.status == running.target.accepted
            connection.close()

        await asyncio.gather(*(poster(number) for number in range(AT_ONCE)))

    load: Load[Answer] = Load(posting)
    running.wait(lambda: load.is_done, timeout_s=seconds + 120, what="posting photos")
    count = statuses[running.target.accepted]
    running.wait(lambda: not running.unscored(), timeout_s=DRAIN_S, what="outcomes", every_s=0.05)
    outcomes_per_s = count / (time.perf_counter() - began)
    cpu_ms = {
        name: (now_s - before_s.get(name, 0.0)) * 1000 / count
        for name, now_s in running.cpu_s_by_program().items()
    }
    per_s = count / seconds
    print(f"Photos of 12 megapixels, {AT_ONCE} posts at once for {seconds:.0f} s, while they are scored:")
    reached = per_s >= ACCEPTED_PER_S_MIN
    fine = line("accepted", f"{per_s:.1f} /s", reached=reached, target=f">= {ACCEPTED_PER_S_MIN} /s")
    line("  answers by status", ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    is_quick = outcomes_per_s >= OUTCOMES_PER_S_MIN
    fine &= line(
        "from post to outcome",
        f"{outcomes_per_s:.1f} /s",
        reached=is_quick,
        target=f">= {OUTCOMES_PER_S_MIN} /s",
    )
    line("  processor time of all processes for one", f"{sum(cpu_ms.values()):.0f} ms")
    for name, one_ms in sorted(cpu_ms.items(), key=lambda found: -found[1]):
        line(f"    {name}", f"{one_ms:.0f} ms")
    return fine


def _hostile(running: Product, seconds: float, *, pause_s: float, has_target: bool) -> bool:
    """The wait for /livez while every answered hostile post is followed by the next after a pause, or at once."""
    waits_s: list[float] = []
    statuses: Counter[int] = Counter()

    async def posting(heard: object) -> None:
        ends = time.perf_counter() + seconds
        picture = hostile()

        async def poster(number: int) -> None:
            connection, count = Connection(running.target), 0
            while time.perf_counter() < ends:
                answer = await connection.post(f"hostile-{number}-{count}", picture)
                statuses[answer.status] += 1
                count += 1
                await asyncio.sleep(pause_s)
            connection.close()

        async def watcher() -> None:
            connection = Connection(Target(running.target.port, "/livez", ""))
            request = f"GET /livez HTTP/1.1\r\nHost: {HOST}:{running.target.port}\r\n\r\n".encode()
            await asyncio.sleep(0.5)  # until the posts are open
            while time.perf_counter() < ends:
                began = time.perf_counter()
                await connection.send(request)
                waits_s.append(time.perf_counter() - began)
                await asyncio.sleep(LIVEZ_EVERY_S)
            connection.close()

        await asyncio.gather(watcher(), *(poster(number) for number in range(HOSTILE_AT_ONCE)))

    before = _cpu_s(running, decoders=False)
    load: Load[Answer] = Load(posting)
    running.wait(lambda: load.is_done, timeout_s=seconds + 120, what="hostile posts")
    cpu_ms = (_cpu_s(running, decoders=False) - before) * 1000 / max(1, statuses.total())
    worst_ms = max(waits_s, default=float("inf")) * 1000
    manner = f"sent again after {pause_s:.0f} s, as they are told" if pause_s else "sent again at once"
    print(
        f"{HOSTILE_AT_ONCE} posts of a {len(hostile())}-byte WebP of 50 megapixels, {manner}, for {seconds:.0f} s:"
    )
    reached, target = (worst_ms <= LIVEZ_MS_MAX, f"<= {LIVEZ_MS_MAX} ms") if has_target else (None, "")
    fine = line("/livez, longest wait", f"{worst_ms:.0f} ms", reached=reached, target=target)
    line("  processor time of the web process for one answer", f"{cpu_ms:.1f} ms")
    line("  median and p99", f"{percentile(waits_s, 50) * 1000:.0f}, {percentile(waits_s, 99) * 1000:.0f} ms")
    line("  answers by status", ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    return fine
