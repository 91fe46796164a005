"""A report as one HTML file: no scripts, no requests, inline plots, readable in print and in light and dark."""

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ml.evaluation.class_means import NAMES
from ml.evaluation.markup import figure, named, table, table_of, told
from ml.evaluation.svg import Line, chart

CSS = Path(__file__).with_name("report.css")
UNIT = (0.0, 1.0)
LOAD = 0.2  # more review work than this is not plotted
COLUMNS = ("cleared", "split vote", "unanimous fake")


def render(document: Mapping[str, Any], out: Path) -> str:
    """The page of a document that `report.build` made. out: where the run's pictures lie."""
    config, name = document["config"], document["recipe"]
    budget = ", ".join(f"{k} {v}" for k, v in config["budget"].items() if v is not None)
    body = [
        f"<h1>Recipe {escape(name)}</h1>",
        f"<p>{escape(config['source'])}</p>",
        f'<p class="soft">Weights: {escape(document["weights"])} · {escape(budget)} · seed {config["seed"]} · '
        f"{escape(config['device'])} · {document['seconds']:.0f} s</p>",
        _both_protocols(document),
        *(section(document) for section in (_counts, _votes, _models, _probes)),
    ]
    for title, side in document["sides"].items():
        body.append(_side(title, side))
    body += [_faces(document, out), _history(document), _how(document)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Recipe {escape(name)}</title><style>{CSS.read_text()}</style></head>\n"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _both_protocols(document: Mapping[str, Any]) -> str:
    documented, honest = document["documented"], document["honest"]
    reported = documented.get("reported", {})
    if not isinstance(reported, dict):
        reported = {next((k for k, v in documented.items() if isinstance(v, dict)), "figure"): reported}
    names = [k for k in documented if k not in ("metric", "reported")]
    theirs = [
        [named(k), told(reported[k], k) if k in reported else "", told(documented[k], k)] for k in names
    ]
    ours = [[named(k), told(v, k)] for k, v in honest.items()]
    return (
        '<h2>The document\'s figure and the honest one</h2><div class="row">'
        f'<div><h3>As the document measures</h3><p class="soft">{escape(str(documented.get("metric", "")))}</p>'
        f"{table(['', 'document', 'here'], theirs)}</div>"
        f"<div><h3>Honest, on the test side</h3>{table(['', 'here'], ours)}</div></div>"
        f'<p class="why"><strong>Why they differ.</strong> {escape(document["why"])}</p>'
    )


def _counts(document: Mapping[str, Any]) -> str:
    sides = document["counts"]
    total = {c: sum(side[c] for side in sides.values()) for c in ("real", "fake")}
    rows = [[s, f"{c['real']:,}", f"{c['fake']:,}"] for s, c in sides.items()]
    rows.append(["all", f"{total['real']:,}", f"{total['fake']:,}"])
    ratio = f"<p>{total['real'] / total['fake']:.1f} real faces to one fake.</p>" if total["fake"] else ""
    return f"<h2>Images</h2>{table(['side', 'real', 'fake'], rows)}{ratio}"


def _votes(document: Mapping[str, Any]) -> str:
    tables = document["extra"].get("votes")
    if not tables:
        return ""
    parts = []
    for title, votes in tables.items():
        rows = [[c, *(f"{n:,}" for n in votes[c])] for c in ("fake", "real")]
        rates = "; ".join(
            f"{named(k)} {told(votes[k], k)}"
            for k in ("recall_with_human", "recall_unanimous", "review_load")
        )
        precision = votes["at_one_in_1000"]["precision"]
        parts.append(
            f"<div><h3>{escape(title.capitalize())}</h3>{table(['', *COLUMNS], rows)}"
            f'<p class="soft">{rates}; precision of a flag at 1:1000 {precision:.2%}</p></div>'
        )
    return f'<h2>Votes</h2><p>A person sees the last two columns.</p><div class="row">{"".join(parts)}</div>'


def _models(document: Mapping[str, Any]) -> str:
    models = document["extra"].get("models")
    if not models:
        return ""
    return "<h2>Models as the document lists them</h2>" + table_of(models, "validation, at one half")


def _probes(document: Mapping[str, Any]) -> str:
    probes = document["extra"].get("probes")
    if not probes:
        return ""
    rows = [[named(k), told(v, k)] for k, v in probes.items()]
    return (
        "<h2>What needs no pixels</h2><p>A detector that knows only a file's header, or only its source. "
        f"What a system scores above these is what it learned about forgeries.</p>{table(['', 'test side'], rows)}"
    )


def _side(title: str, side: Mapping[str, Any]) -> str:
    confusion, chosen = side["confusion"], side["selective"]
    counts = [[c, *(f"{n:,}" for n in confusion[c])] for c in ("fake", "real")]
    rates = [
        [named(k), told(v, k)]
        for k, v in (side["areas"] | confusion).items()
        if isinstance(v, dict) and "value" in v
    ]
    world = confusion["at_one_in_1000"]
    rates += [
        ["load at 1:1000", f"{world['load']:.2%}"],
        ["precision at 1:1000", f"{world['precision']:.2%}"],
    ]
    certified = (
        f"{confusion['fake'][0]} of {sum(confusion['fake'])} fakes were cleared. For forgeries like these that "
        f"certifies a miss rate of at most {confusion['certified_miss_rate']:.1%} at {confusion['certified_at']:.0%} "
        "confidence (Clopper-Pearson)."
    )
    parts = [
        f"<h2>The {escape(title)} side</h2>",
        f'<div class="row"><div>{table(["", "cleared", "to a person"], counts)}<p>{certified}</p></div>'
        f"<div>{table(['', 'value'], rates)}</div></div>",
        f'<div class="plots">{"".join(_plots(side))}</div>',
        "<h3>Read off the curve: load and precision at one forgery in a thousand, AUGRC as here</h3>",
        table(["", "value"], [[named(k), told(v, k)] for k, v in chosen["figures"].items()]),
    ]
    for heading, key in (("Voters", "voters"), ("By source", "by_source"), ("RFF by edit", "rff")):
        if side[key]:
            parts.append(f"<h3>{heading}</h3>{table_of(side[key], '')}")
    return "".join(parts)


def _plots(side: Mapping[str, Any]) -> list[str]:
    diagonal = Line("chance", [[0, 0], [1, 1]], guide=True)
    reliable = [[row["probability"], row["fakes"]] for row in side["calibration"]["reliability"]]
    chosen, error = side["selective"], side["calibration"]
    return [
        figure(
            chart(
                [Line("score", side["roc"]), diagonal],
                x="false alarms",
                y="recall",
                x_range=UNIT,
                y_range=UNIT,
            ),
            "ROC curve: recall of fakes over the share of real faces that a person must see.",
        ),
        figure(
            chart(
                [Line("", [p for p in chosen["load_recall"] if p[0] <= LOAD])],
                x="review load of real faces",
                y="recall with human",
                x_range=(0.0, LOAD),
                y_range=UNIT,
            ),
            f"What the first {LOAD:.0%} of review work buys; at 1:1000 nearly all of it is on real faces.",
        ),
        figure(
            chart(
                [Line("", chosen["risk_coverage"])], x="share cleared (coverage)", y="fakes among the cleared"
            ),
            "Risk and coverage: fakes among the cleared as more are cleared.",
        ),
        figure(
            chart(
                [
                    Line("bins of equal size", reliable, dots=True),
                    Line("calibrated", diagonal.points, guide=True),
                ],
                x="probability of fake",
                y="share of fakes",
                x_range=UNIT,
                y_range=UNIT,
            ),
            f"Calibration: expected error {error['expected_error']:.3f}; with a temperature that the other half of the "
            f"groups taught {error['expected_error_with_temperature']:.3f} (T = {error['temperature']:g} on all).",
        ),
    ]


def _faces(document: Mapping[str, Any], out: Path) -> str:
    faces = document["extra"].get("faces", {})
    shown = [(name, out / faces[name]) for name in NAMES if name in faces and (out / faces[name]).is_file()]
    if not shown:
        return ""
    figures = "".join(
        f'<figure><img alt="{named(n)}" src="data:image/png;base64,{base64.b64encode(p.read_bytes()).decode()}">'
        f"<figcaption>{named(n)}</figcaption></figure>"
        for n, p in shown
    )
    return (
        "<h2>Average faces</h2><p>Means, standard deviations and the absolute difference of the means, class by class; "
        "the last three stretched to the full range. What differs here (crop, light, sharpness) can be learned without "
        f'any forgery.</p><div class="faces">{figures}</div>'
    )


def _history(document: Mapping[str, Any]) -> str:
    figures = []
    for title, rows in document["history"].items():
        names = [k for k in ("train_loss", "loss") if rows and k in rows[0]]
        if names:
            lines = [Line(named(k) if k != "loss" else "validation loss", _over(rows, k)) for k in names]
            figures.append(figure(chart(lines, x="epoch", y="loss"), f"{title}: loss"))
        others = [k for k in (rows[0] if rows else ()) if k not in ("epoch", "train_loss", "loss")]
        if others:
            lines = [Line(named(k), _over(rows, k)) for k in others]
            figures.append(
                figure(chart(lines, x="epoch", y="validation", y_range=UNIT), f"{title}: validation")
            )
    return f'<h2>Training</h2><div class="row">{"".join(figures)}</div>' if figures else ""


def _over(rows: Sequence[Mapping[str, float]], name: str) -> list[list[float]]:
    return [[row["epoch"], row[name]] for row in rows]


def _how(document: Mapping[str, Any]) -> str:
    known = {
        k: document["extra"][k] for k in ("split_sha256", "skipped", "thresholds") if k in document["extra"]
    }
    return f"<h2>How it was run</h2><pre>{escape(json.dumps({'config': document['config']} | known, indent=1))}</pre>"
