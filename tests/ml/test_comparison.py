import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml.cli import main
from ml.comparison import SHIFTS, curve, recall_at
from ml.sources import SourceMissing
from ml.sources import manifest as snapshots
from tests.factories.bundles import small_bundle, tiny_bundle


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Twelve held-out applicants of each label and some that are not; fakes are brighter."""
    (tmp_path / "images").mkdir()
    rng, items = np.random.default_rng(0), []
    for number in range(40):
        label = "fake" if number % 2 else "real"
        pixels = rng.integers(0, 100, (64, 64, 3)) + (150 if label == "fake" else 0)
        path = tmp_path / "images" / f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        items.append(
            {"path": f"images/{number}.png", "sha256": sha256, "label": label, "holdout": number < 24}
        )
        items[-1] |= {"submission": f"s{number}", "applicant": f"a{number}", "source": "branch"}
        items[-1]["weight"] = 20.0 if number in (1, 2) else 1.0
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "kyc-review/snapshot/1", "items": items}))
    return tmp_path / "manifest.json"


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[str, str]:
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        made.append(str(small_bundle(tmp_path / f"bundle-{seed}")))
    return made[0], made[1]


def test_the_report_counts_held_out_faces_only_and_names_every_change(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str]
) -> None:
    replay = tmp_path / "replay.txt"
    lines = [f"r{n} {tmp_path / 'images' / f'{n}.png'}" for n in range(10)] + [
        f"gone {tmp_path / 'gone.png'}"
    ]
    replay.write_text("\n".join(lines) + "\n")
    arguments = ["compare", "--manifest", str(manifest), "--champion", bundles[0], "--candidate", bundles[1]]
    groups = tmp_path / "groups.jsonl"
    belongs = {f"{kind}{n}": {"Camera": "old" if n < 8 else "new"} for kind in "sr" for n in range(40)}
    groups.write_text("".join(json.dumps({"submission": n, "groups": g}) + "\n" for n, g in belongs.items()))
    arguments += ["--replay", str(replay), "--groups", str(groups)]
    assert main([*arguments, "--out", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    held_out = report["holdout"]
    for role in ("champion", "candidate"):
        assert (sum(held_out[role]["fake"]), sum(held_out[role]["real"])) == (12, 12)
        assert len(held_out[role]["curve"]) == len(SHIFTS)
        assert report[role]["ms_per_image"] > 0
    caught = {
        role: round(held_out[role]["recall_with_human"]["value"] * 12) for role in ("champion", "candidate")
    }
    changed = held_out["changed"]
    difference = changed["fakes_now_caught"]["count"] - changed["fakes_now_missed"]["count"]
    assert caught["candidate"] - caught["champion"] == difference
    assert (report["replay"]["n"], report["replay"]["unreadable"]) == (10, 1)
    assert held_out["difference"]["fakes"]["difference"]["value"] == pytest.approx(difference / 12, abs=1e-4)
    assert [(part["value"], part["fakes"]["champion"]["n"]) for part in held_out["groups"]] == [
        ("new", 8),
        ("old", 4),
    ]
    assert report["champion"]["voters"] == report["candidate"]["voters"]
    assert held_out["risk"]["fakes"]["n"] == 12
    flagged = [row["submission"] for row in held_out["widest_differences"]]
    assert len(flagged) == 12
    assert {int(name[1:]) for name in flagged} < set(range(24)), "held-out faces alone"
    weighted = held_out["weighted"]
    assert weighted["fakes"] == {"n": 12, "effective": round(31**2 / 411, 1), "audited": 1}
    for role in ("champion", "candidate"):
        missed, recall = (weighted[role][name]["value"] for name in ("miss_rate", "recall"))
        assert missed + recall == pytest.approx(1, abs=2e-4)
    change = weighted["candidate"]["recall"]["value"] - weighted["champion"]["recall"]["value"]
    assert weighted["difference"]["recall"]["value"] == pytest.approx(change, abs=2e-4)
    middle = next(point for point in weighted["points"] if point["shift"] == 0)
    assert middle["recall"] == weighted["candidate"]["recall"]
    assert [point["shift"] for point in report["replay"]["curve"]] == SHIFTS.tolist()
    served = next(point for point in report["replay"]["curve"] if point["shift"] == 0)
    assert served["load"] == report["replay"]["candidate"]
    assert served["difference"] == report["replay"]["difference"]
    assert served["now_flagged"] == report["replay"]["now_flagged"]["count"]
    changed = next(point for point in held_out["changed_points"] if point["shift"] == 0)
    assert {name: found["count"] for name, found in held_out["changed"].items()} == {
        name: number for name, number in changed.items() if name != "shift"
    }
    assert [(part["value"], part["all"]["champion"]["n"]) for part in report["replay"]["groups"]] == [
        ("old", 8),
        ("new", 2),
    ]


@pytest.mark.parametrize(
    ("audited", "weight", "was_cleared"),
    [
        ({"audited": "clear"}, 20.0, True),
        ({"audited": "clear"}, 1.0, True),
        ({"audited": "resubmit"}, 20.0, False),
        ({"audited": None}, 1.0, False),
        ({}, 20.0, True),
        ({}, 1.0, False),
    ],
)
def test_only_draws_of_cleared_pictures_are_audits_of_cleared_faces(
    manifest: Path, audited: dict[str, str | None], weight: float, was_cleared: bool
) -> None:
    document = json.loads(manifest.read_text())
    document["items"][1] |= {"weight": weight} | audited
    manifest.write_text(json.dumps(document))
    photo = snapshots.read(manifest)[1]
    assert (photo.was_cleared, photo.weight) == (was_cleared, weight)


def test_an_audit_of_something_unknown_is_refused(manifest: Path) -> None:
    document = json.loads(manifest.read_text())
    document["items"][1]["audited"] = "rejected"
    manifest.write_text(json.dumps(document))
    with pytest.raises(SourceMissing, match="expected clear, resubmit or null"):
        snapshots.read(manifest)


def test_a_fake_that_a_check_sent_back_is_not_counted_as_missed(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str]
) -> None:
    document = json.loads(manifest.read_text())
    for number, item in enumerate(document["items"]):
        item["audited"] = {1: "clear", 3: "resubmit", 5: "resubmit", 2: "resubmit"}.get(number)
        item["weight"] = 20.0 if item["audited"] else 1.0
    manifest.write_text(json.dumps(document))
    arguments = ["compare", "--manifest", str(manifest), "--champion", bundles[0], "--candidate", bundles[1]]
    assert main([*arguments, "--out", str(tmp_path / "report.json")]) == 0
    weighted = json.loads((tmp_path / "report.json").read_text())["holdout"]["weighted"]
    assert [weighted[side]["audited"] for side in ("fakes", "reals", "all")] == [1, 0, 1]


def test_what_checks_sent_to_people_is_counted_apart(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str]
) -> None:
    """A fake that a check had found counted as missed by both bundles, in the weighted rates and in each group."""
    document = json.loads(manifest.read_text())
    for number, item in enumerate(document["items"]):
        item |= {"sent_by_checks": number in (1, 3, 5, 2), "audited": None}
    manifest.write_text(json.dumps(document))
    groups = tmp_path / "groups.jsonl"
    belongs = {f"s{n}": {"Camera": "old" if n < 6 else "new"} for n in range(40)}
    groups.write_text("".join(json.dumps({"submission": n, "groups": g}) + "\n" for n, g in belongs.items()))
    arguments = ["compare", "--manifest", str(manifest), "--champion", bundles[0], "--candidate", bundles[1]]
    assert main([*arguments, "--groups", str(groups), "--out", str(tmp_path / "report.json")]) == 0
    held_out = json.loads((tmp_path / "report.json").read_text())["holdout"]
    assert {side: held_out["by_checks"][side]["n"] for side in ("fakes", "reals")} == {"fakes": 3, "reals": 1}
    assert (held_out["weighted"]["fakes"]["n"], held_out["weighted"]["reals"]["n"]) == (9, 11)
    assert held_out["weighted"]["fakes"]["effective"] == 9.0  # the heavy one went to a person by a check
    old = next(part for part in held_out["weighted"]["groups"] if part["value"] == "old")
    assert (old["fakes"], old["reals"]["champion"]["n"]) == (None, 2)


@pytest.mark.parametrize(
    ("item", "by_checks"),
    [
        ({"sent_by_checks": True, "reason": "second_opinion"}, True),
        ({"sent_by_checks": False, "reason": "checks"}, False),
        ({"reason": "checks"}, True),
        ({"reason": "split_vote", "audited": "resubmit"}, True),
        ({"reason": "split_vote"}, False),
    ],
)
def test_older_manifests_tell_checks_by_the_reason(manifest: Path, item: dict, by_checks: bool) -> None:
    document = json.loads(manifest.read_text())
    document["items"][1] |= item
    manifest.write_text(json.dumps(document))
    assert snapshots.read(manifest)[1].sent_by_checks is by_checks


def test_without_held_out_fakes_the_refusal_says_what_to_do(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(manifest.read_text())
    for item in document["items"]:
        item["holdout"] = item["label"] == "real"
    manifest.write_text(json.dumps(document))
    arguments = ["compare", "--manifest", str(manifest), "--champion", bundles[0], "--candidate", bundles[1]]
    assert main([*arguments, "--out", str(tmp_path / "report.json")]) == 2
    assert "no held-out applicant" in capsys.readouterr().err


def test_the_champion_is_measured_at_its_operating_point(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str]
) -> None:
    """Both are the same bundle here, so the champion moved by a shift is the candidate at that point of its curve."""
    replay = tmp_path / "replay.txt"
    replay.write_text("".join(f"r{n} {tmp_path / 'images' / f'{n}.png'}\n" for n in range(40)))
    found = {}
    for shift in (-2.0, 0.0, 2.0):
        out = tmp_path / "report.json"
        arguments = [
            "compare",
            "--manifest",
            str(manifest),
            "--champion",
            bundles[0],
            "--candidate",
            bundles[0],
        ]
        assert (
            main([*arguments, "--replay", str(replay), f"--champion-shift={shift}", "--out", str(out)]) == 0
        )
        report = json.loads(out.read_text())
        curve, loads = report["holdout"]["candidate"]["curve"], report["replay"]["curve"]
        there = next(point for point in curve if point["shift"] == shift)
        load = next(point for point in loads if point["shift"] == shift)["load"]["value"]
        champion = report["holdout"]["champion"]
        assert champion["recall_with_human"]["value"] == pytest.approx(there["recall"], abs=1e-4)
        assert champion["false_alarm"]["value"] == pytest.approx(there["false_alarm"], abs=1e-4)
        assert report["replay"]["champion"]["value"] == pytest.approx(load)
        assert report["champion"]["shift"] == shift
        assert nothing_differs(report, shift), "equal models at one operating point"
        assert not nothing_differs(report, 0.0 if shift else 2.0)
        found[shift] = load
    assert found[-2.0] > found[2.0], "the point matters for these pictures"


def nothing_differs(report: dict, shift: float) -> bool:
    """Whether champion and candidate are told to be equal at this point of the candidate, everywhere."""
    number = int(np.argmin(np.abs(SHIFTS - shift)))
    held_out, load = report["holdout"], report["replay"]["curve"][number]
    changed = held_out["changed_points"][number]
    assert changed["shift"] == load["shift"] == shift
    point = held_out["weighted"]["points"][number]
    groups = [
        group[side]["points"]["difference"][number][0]
        for group in held_out["weighted"]["groups"]
        for side in ("fakes", "reals")
        if group[side]
    ]
    groups += [group["all"]["points"]["difference"][number][0] for group in report["replay"]["groups"]]
    counts = [value for name, value in changed.items() if name != "shift"]
    counts += [load["now_flagged"], load["now_cleared"]]
    differences = [point["recall_difference"]["value"], point["false_alarm_difference"]["value"]]
    return not any([*groups, *counts, *differences, load["difference"]["value"]])


def test_a_higher_shift_flags_no_more() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(200) % 2
    points = curve(rng.random((200, 5)), np.full(5, 0.8), label)
    recalls = [point["recall"] for point in points]
    assert recalls == sorted(recalls, reverse=True)
    assert next(point for point in points if point["shift"] == 0)["recall"] > 0


def test_the_recall_at_a_load_is_the_best_within_it() -> None:
    points = [
        {"recall": 0.9, "false_alarm": 0.5},
        {"recall": 0.7, "false_alarm": 0.2},
        {"recall": 0.6, "false_alarm": 0.1},
    ]
    assert recall_at(points, 0.3) == 0.7
    assert recall_at(points, 0.05) == 0.0


def test_held_out_pictures_without_a_face_are_counted_apart_for_a_bundle_of_faces(
    tmp_path: Path, manifest: Path, bundles: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_bundle(tmp_path / "faces", frame="face")
    arguments = ["compare", "--manifest", str(manifest), "--champion", bundles[0]]
    arguments += ["--candidate", str(tmp_path / "faces"), "--out", str(tmp_path / "report.json")]
    assert main(arguments) == 2
    assert "of 24 held-out pictures 24 show no face" in capsys.readouterr().err
    snapshot = json.loads(manifest.read_text())
    for row, sample in enumerate(sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))[:4]):
        item = snapshot["items"][row]
        (tmp_path / item["path"]).write_bytes(sample.read_bytes())
        item["sha256"] = hashlib.sha256(sample.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(snapshot))
    assert main(arguments) == 0
    held_out = json.loads((tmp_path / "report.json").read_text())["holdout"]
    assert held_out["without_face"] == 20
    for role in ("champion", "candidate"):
        assert (sum(held_out[role]["fake"]), sum(held_out[role]["real"])) == (2, 2)
