"""The model card of a trained baseline: what it is, its measurements and its limits, from the manifest's figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from detection.bundle import FACE, Bundle, View

WAYS = {
    "copymove": "copy-move",
    "mesh": "region swap by the mesh, matched donor",
    "retouch": "retouching",
    "self": "self-blend",
    "splice": "splice",
    "swap": "region swap",
    "warp": "warp",
}


def baseline_card(bundle: Bundle) -> str:
    """Markdown. bundle: as `ml.training.timed_baseline` writes it, with validation and test figures in its metrics."""
    parts = [_head(bundle), _members(bundle)]
    for side, told in (
        ("test", "95 % intervals, people resampled"),
        ("validation", "on which members, stack and thresholds were chosen, so they are too good"),
    ):
        parts += [f"## Results on {side} ({told})", *results(bundle.metrics[side])]
    if "files" in bundle.metrics:
        parts += ["## Genuine pictures of test as their files are", *_files(bundle.metrics["files"])]
    return "\n\n".join([*parts, _thresholds(bundle.metrics), LIMITS]) + "\n"


def _head(bundle: Bundle) -> str:
    kept = bundle.provenance.get("members_of")
    made = (
        f"The members are those of {kept}; stack, temperatures and thresholds come from `python -m ml recalibrate`."
        if kept
        else "Trained with `python -m ml baseline --hours`."
    )
    smoke = "**A smoke run on a few faces: its figures mean nothing.**\n\n"
    return (
        f"# Model card: {bundle.version}\n\n{smoke if bundle.provenance.get('smoke') else ''}"
        f"{made} It tells edited faces from untouched ones, with the error rates "
        "below; it is meant to be retrained on your own decisions.\n\n"
        f"Start: {bundle.provenance['start']}. Sets: {', '.join(bundle.provenance['sources'])}. Split by person within "
        "a set and by perceptual hash: 70 % train, 10 % stack, 10 % validation, 10 % test; SHA-256 of the frozen split "
        f"`{bundle.provenance['splits_sha256']}`. The stack and the temperatures were fitted on people that no member "
        "saw; thresholds were chosen on validation through this bundle as it is served; test was only measured."
    )


def _members(bundle: Bundle) -> str:
    rows = [
        f"| {member.name} | `{member.architecture}` | {_seen(member.view)} at {member.view.side} px | "
        f"{bundle.provenance['members'][member.name]} |"
        for member in bundle.members
    ]
    return "\n".join(
        [
            "## Members",
            "",
            "| member | architecture | sees | trained |",
            "|---|---|---|---|",
            *rows,
            "",
            "The fifth vote is a linear layer on the ReLU of their logits."
            if bundle.stack_input is None
            else "The fifth vote is a linear layer on the ReLU of their logits and of those of a network without a "
            "vote, which reads how the face's part of a JPEG is compressed. It says nothing of a picture that is no "
            "JPEG or was reduced.",
        ]
    )


def _seen(view: View) -> str:
    """What a member looks at, as its view says."""
    where = "the crop around the face" if view.frame == FACE else "the picture"
    return f"middle {view.extent:.0%} of {where}"


def results(side: Mapping[str, Any]) -> list[str]:
    """Tables of one side's figures, as `ml.training.calibrate` measures them."""
    parts = [_areas(side["auc"])]
    if "forgeries" in side:
        parts.append(_ways(side["forgeries"]))
    parts += [_votes(side["votes"]), _alarms(side["false_alarm_by_source"])]
    return [*parts, _people(side["people"])] if side.get("people") else parts


def _areas(areas: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(next(iter(areas.values())))
    rows = [
        f"| {_title(name)} | "
        + " | ".join(_interval(row[n]) if n == "stack" else f"{row[n]['value']:.2f}" for n in names)
        + " |"
        for name, row in areas.items()
    ]
    return _table(["AUC", *names], rows)


def _ways(forgeries: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        f"| {title} | {row['auc']['n'] // 2} | {_interval(row['auc'])} | {row['told_apart']['value']:.0%} |"
        for part, named in (
            ("pooled", forgeries["pooled"]),
            ("kind", forgeries["by_way"]),
            ("seam", forgeries["by_seam"]),
        )
        for name, row in named.items()
        for title in [f"{part}: {WAYS.get(name, name.replace('_', ', '))}"]
    ]
    return _table(["synthesised forgeries (stack)", "pairs", "AUC", "scores above its original"], rows)


def _votes(votes: Mapping[str, Any]) -> str:
    rows = [
        f"| {_title(name)} | {_counts(row['fake'])} | {_counts(row['real'])} | {_percent(row['recall_with_human'])} | "
        f"{_percent(row['false_alarm'])} |"
        for name, row in votes.items()
    ]
    return _table(
        [
            "rows",
            "fakes cleared / split / unanimous",
            "reals cleared / split / unanimous",
            "recall",
            "false alarms",
        ],
        rows,
    )


def _alarms(alarms: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {_percent(row)}" for name, row in alarms.items())
    return f"Genuine faces that go to a person, by set: {told}."


def _files(files: Mapping[str, Any]) -> list[str]:
    """Which go to people, and what the stack flags where it finds three quarters of the synthesised forgeries."""
    parts = [_alarms(files["false_alarm_by_source"])]
    if found := files.get("at_recall"):
        rows = [
            f"| {kind} | {name} | {_percent(row)} |"
            for key, kind in (("files", "as their files are"), ("saved_again", "saved again"))
            for name, row in found[key].items()
            if name != "mean_of_sets"
        ]
        head = f"flagged by the stack where it finds {found['recall']:.0%} of synthesised forgeries"
        parts.append(_table(["genuine pictures", "set", head], rows))
    return parts


def _people(groups: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        f"| {row['source']} | {row['name']} | {row['value']} | {_with_count(row['false_alarm'])} | "
        f"{_with_count(row['recall'])} |"
        for row in groups
    ]
    head = ["set", "group", "", "genuine faces sent to people", "synthesised forgeries sent to people"]
    return _table(head, rows)


def _with_count(row: Mapping[str, Any] | None) -> str:
    return "-" if row is None else f"{_percent(row)}, n = {row['n']}"


def _thresholds(metrics: Mapping[str, Any]) -> str:
    found = metrics["certificate"]
    return (
        "## Operating point\n\n"
        f"Of the {found['fakes']} fakes of validation that the thresholds were chosen on, {found['missed']} are "
        f"cleared (cleared only when all five say real): at {found['confidence']:.0%} confidence at most "
        f"{found['miss_rate_at_most']:.1%} of such fakes, had the thresholds not been chosen on them, and stack and "
        "members on the same people: so it is no certificate, and test says what holds. The figures assume reviewers "
        "who are always right."
    )


LIMITS = """## Limits

- It knows composites and retouching, not generated faces, masks, replayed screens or documents.
- Members that look at the middle of the picture do not see a face elsewhere.
- The synthesised test forgeries come from the generator of the training forgeries.
- Ages, sexes and skin tones are distributed as in the sets; only UTKFace and SCUT state them, and groups are small.
- The sets are for research: retrain on data that you may use before real submissions depend on the models."""


def _title(name: str) -> str:
    kind, _, source = name.partition("_")
    if kind == "own":
        return f"{source.upper()}: its own fakes"
    if kind == "made":
        return f"synthesised, {source}" if source else "synthesised, all sets"
    return "all rows"


def _interval(row: Mapping[str, float]) -> str:
    return f"{row['value']:.2f} ({row['low']:.2f}-{row['high']:.2f})"


def _percent(row: Mapping[str, float]) -> str:
    return f"{row['value']:.1%} ({row['low']:.1%}-{row['high']:.1%})"


def _counts(row: Sequence[int]) -> str:
    return " / ".join(str(count) for count in row)


def _table(head: Sequence[str], rows: Sequence[str]) -> str:
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *rows])
