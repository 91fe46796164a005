"""Figures as the report prints them: shares in percent, areas as they are, intervals in small type."""

from typing import Any

from markupsafe import Markup

WORDS = {"auc": "AUC", "f1": "F1", "rff": "RFF", "augrc": "AUGRC"}
SHARES = ("recall", "precision", "accuracy", "load", "alarm", "cleared", "calls", "class")


def figure_label(key: str) -> str:
    """A figure's key as words."""
    return " ".join(WORDS.get(part, part) for part in key.split("_"))


def figure_html(figure: Any, key: str) -> Markup | str:
    """A value, or an estimate with its interval in small type after the value; the key says whether it is a share."""
    is_share = any(word in key for word in SHARES) and "auc" not in key.split("_")
    write = percent if is_share else "{:.3f}".format
    if isinstance(figure, dict) and "no_interval" in figure:
        return Markup("{} <small>(no interval: {})</small>").format(
            write(figure["value"]), figure["no_interval"]
        )
    if isinstance(figure, dict) and {"value", "low", "high"} <= set(figure):
        interval = f"{write(figure['low'])} to {write(figure['high'])}, n {figure['n']:,}"
        return Markup("{} <small>({})</small>").format(write(figure["value"]), interval)
    if isinstance(figure, dict) and "missing" in figure:
        return Markup("<em>{}</em>").format(figure["missing"])
    if isinstance(figure, float):
        return write(figure)
    return "" if figure is None else str(figure)


def percent(value: float) -> str:
    """A share as a percentage: one decimal (`12.3%`), or two significant digits below 1 % (`0.45%`)."""
    return f"{value:.1%}" if value == 0 or value >= 0.01 else f"{100 * value:.2g}%"
