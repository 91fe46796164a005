"""A report as one HTML file: no scripts, no requests, inline plots, readable in print and in light and dark."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ml.evaluation.class_means import NAMES
from ml.evaluation.figures import figure_html, figure_label, percent
from ml.evaluation.plots import history_plots, side_plots

HERE = Path(__file__).parent
Row = tuple[str, Any]
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {
    "label": figure_label,
    "figure": figure_html,
    "percent": percent,
    "thousands": "{:,}".format,
}


def render(document: Mapping[str, Any], out: Path) -> str:
    """The page of a document that `report.build` made. out: where the run's pictures lie."""
    extra = document["extra"]
    return TEMPLATES.get_template("report.html").render(
        css=Markup((HERE / "report.css").read_text()),  # noqa: S704  (our own file)
        document=document,
        heading=f"Recipe {document['recipe']}{', smoke run' if document['config']['smoke'] else ''}",
        documented=list(_documented_figures(document["documented"])),
        votes=extra.get("votes"),
        models=extra.get("models"),
        probes=extra.get("probes"),
        sides={title: _side(side) for title, side in document["sides"].items()},
        faces=list(_faces(extra.get("faces", {}), out)),
        history=[plot for title, rows in document["history"].items() for plot in history_plots(title, rows)],
        run=json.dumps({"config": document["config"]} | _run_facts(extra), indent=1),
    )


def _documented_figures(documented: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(key, what the document reports, what was measured in its way) of each figure; None where nothing is reported."""
    reported = documented.get("reported", {})
    if not isinstance(reported, dict):  # one number: of the first estimate
        first = next((key for key, value in documented.items() if isinstance(value, dict)), "figure")
        reported = {first: reported}
    for key, value in documented.items():
        if key not in ("metric", "reported"):
            yield key, reported.get(key), value


def _side(side: Mapping[str, Any]) -> dict[str, Any]:
    """Further values for the template of one side."""
    rates = side["areas"] | side["confusion"]
    return {
        "side": side,
        "estimates": {k: v for k, v in rates.items() if isinstance(v, dict) and "value" in v},
        "plots": side_plots(side),
    }


def _faces(files: Mapping[str, str], out: Path) -> Iterator[tuple[str, str]]:
    """(name, data URL) of each mean face that the run wrote."""
    for name in NAMES:
        if name in files and (picture := out / files[name]).is_file():
            yield name, f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _run_facts(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {key: extra[key] for key in ("split_sha256", "skipped", "thresholds") if key in extra}
