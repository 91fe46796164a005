import datetime as dt
import hashlib
import io
import json

from kyc_review.datasets import manifest

AT = dt.datetime(2026, 11, 21, 6, 0, tzinfo=dt.UTC)


def written(items: list[dict], name: str = "first") -> tuple[bytes, manifest.Writer]:
    file = io.BytesIO()
    writer = manifest.Writer(file, name=name, created_at=AT, source_bundle="v1", choices={})
    for item in items:
        writer.add(item)
    writer.close()
    return file.getvalue(), writer


def test_what_is_streamed_is_one_json_document() -> None:
    items: list[dict] = [{"label": "real", "note": 'quotes " and ünïcode\n'}, {"label": "fake", "p": 0.1}]
    raw, writer = written(items)
    assert json.loads(raw) == {
        "format": "kyc-review/snapshot/1",
        "name": "first",
        "created_at": "2026-11-21T06:00:00.000000+00:00",
        "source_bundle": "v1",
        "choices": {},
        "items": items,
        "counts": {"real": 1, "fake": 1},
        "digest": writer.digest,
    }
    assert writer.sha256 == hashlib.sha256(raw).hexdigest()


def test_an_empty_set_is_valid_json() -> None:
    assert json.loads(written([])[0])["items"] == []


def test_the_digest_knows_the_items_and_not_the_name() -> None:
    items = [{"label": "real", "sha256": "a"}]
    one, other = written(items)[1], written(items, "second")[1]
    assert one.digest == other.digest
    assert one.sha256 != other.sha256
    assert written([*items, *items])[1].digest != one.digest
    assert one.digest == hashlib.sha256(json.dumps(items[0]).encode() + b"\n").hexdigest()


def test_about_a_fifth_of_the_applicants_is_held_out_and_stays_so() -> None:
    names = [hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(5000)]
    held_out = [manifest.is_held_out(name) for name in names]
    assert 0.18 < sum(held_out) / len(held_out) < 0.22
    assert held_out == [manifest.is_held_out(name) for name in names]
