"""Figures and tables as HTML: shares in percent, areas as they are, intervals in small type."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

WORDS = {"auc": "AUC", "f1": "F1", "rff": "RFF", "augrc": "AUGRC"}
SHARES = ("recall", "precision", "accuracy", "load", "alarm", "cleared", "calls", "class")


def table_of(rows: Mapping[str, Mapping[str, Any]], corner: str) -> str:
    """Row name -> figure name -> figure, as a table."""
    columns = list(dict.fromkeys(k for row in rows.values() for k in row))
    body = [[name, *(told(row[k], k) if k in row else "" for k in columns)] for name, row in rows.items()]
    return table([corner, *(named(k) for k in columns)], body)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already: what `told` gave, or words of ours."""
    lines = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{_cells("th", head)}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cells(tag: str, cells: Sequence[str]) -> str:
    return "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)


def figure(picture: str, caption: str) -> str:
    """A picture (HTML) over its caption (plain words)."""
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def named(key: str) -> str:
    """A figure's key as words, escaped."""
    return " ".join(WORDS.get(part, part) for part in escape(key).split("_"))


def told(figure: Any, name: str) -> str:
    """A figure as HTML: shares in percent, areas as they are, an interval in small type after the value."""
    share = any(word in name for word in SHARES) and "auc" not in name.split("_")
    write = _percent if share else "{:.3f}".format
    if isinstance(figure, dict) and {"value", "low", "high"} <= set(figure):
        interval = f"{write(figure['low'])} to {write(figure['high'])}, n {figure['n']:,}"
        return f"{write(figure['value'])} <small>({interval})</small>"
    if isinstance(figure, float):
        return write(figure)
    return "" if figure is None else escape(str(figure))


def _percent(value: float) -> str:
    """With one decimal, and two digits where that would leave one."""
    return f"{value:.1%}" if value == 0 or value >= 0.01 else f"{100 * value:.2g}%"
