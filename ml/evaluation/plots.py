"""The plots of a report, each a picture with its caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ml.evaluation.figures import figure_label
from ml.evaluation.svg import Line, chart

UNIT = (0.0, 1.0)
LOAD_SHOWN = 0.2  # more review work than this is not plotted


@dataclass(frozen=True, slots=True)
class Plot:
    """svg: a whole <svg>, its words escaped by `chart`."""

    svg: Markup
    caption: str


def plot(lines: Sequence[Line], caption: str, **axes: Any) -> Plot:
    """axes: what `chart` takes."""
    return Plot(Markup(chart(lines, **axes)), caption)  # noqa: S704  (chart escapes the words that it is given)


def side_plots(side: Mapping[str, Any]) -> list[Plot]:
    """ROC curve, recall over review load, risk and coverage, calibration."""
    selective, calibration = side["selective"], side["calibration"]
    chance = Line("chance", [[0, 0], [1, 1]], guide=True)
    bins = [[row["probability"], row["fakes"]] for row in calibration["reliability"]]
    affordable = [point for point in selective["load_recall"] if point[0] <= LOAD_SHOWN]
    return [
        plot(
            [Line("score", side["roc"]), chance],
            "ROC curve: recall of fakes over the share of real faces that a person must see.",
            x="false alarms",
            y="recall",
            x_range=UNIT,
            y_range=UNIT,
        ),
        plot(
            [Line("", affordable)],
            f"What the first {LOAD_SHOWN:.0%} of review work buys; at 1:1000 nearly all of it is on real faces.",
            x="review load of real faces",
            y="recall with human",
            x_range=(0.0, LOAD_SHOWN),
            y_range=UNIT,
        ),
        plot(
            [Line("", selective["risk_coverage"])],
            "Risk and coverage: fakes among the cleared as more are cleared.",
            x="share cleared (coverage)",
            y="fakes among the cleared",
        ),
        plot(
            [Line("bins of equal size", bins, dots=True), Line("calibrated", chance.points, guide=True)],
            f"Calibration: expected error {calibration['expected_error']:.3f}; with a temperature that the other half "
            f"of the groups taught {calibration['expected_error_with_temperature']:.3f} "
            f"(T = {calibration['temperature']:g} on all).",
            x="probability of fake",
            y="share of fakes",
            x_range=UNIT,
            y_range=UNIT,
        ),
    ]


def history_plots(title: str, rows: Sequence[Mapping[str, float]]) -> list[Plot]:
    """The losses of a training run, and what was validated, both over the optimiser's steps; rows: one of each epoch.

    Runs of before steps were counted are drawn over epochs.
    """
    columns = list(rows[0]) if rows else []
    over = "steps" if "steps" in columns else "epoch"
    losses = [key for key in ("train_loss", "loss") if key in columns]
    validated = [key for key in columns if key not in ("epoch", "steps", "train_loss", "loss")]
    plots = []
    if losses:
        names = {"loss": "validation loss"}
        lines = [Line(names.get(key, figure_label(key)), _over(rows, over, key)) for key in losses]
        plots.append(plot(lines, f"{title}: loss", x=over, y="loss"))
    if validated:
        lines = [Line(figure_label(key), _over(rows, over, key)) for key in validated]
        plots.append(plot(lines, f"{title}: validation", x=over, y="validation", y_range=UNIT))
    return plots


def _over(rows: Sequence[Mapping[str, float]], over: str, key: str) -> list[list[float]]:
    return [[row[over], row[key]] for row in rows]
