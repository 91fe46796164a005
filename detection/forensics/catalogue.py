"""The forensic views that a reviewer can put next to the photograph: names, keys and words, without their code.

To add one, write a module `detection/forensics/<module>.py` with `draw`, and add its entry here. The evidence worker
computes it and keeps its picture under the view's name; the page shows its pane, its key and its line in the list of
keys. A view of several pictures or with facts of its own (error levels, attention, mask) is computed by `dossier.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from PIL import Image


@dataclass(frozen=True, slots=True)
class ForensicView:
    """`key`: the letter that shows it, which no other control of the workbench may have. `module`: of this package;
    its `draw` takes the upright picture and returns one of the same size; empty when `dossier.py` computes the
    view. `when_faint`: what the pane says of an overlay with nothing to see. `not_installed`: what it means that a
    complete report lacks it.
    """

    name: str
    title: str
    key: str
    explanation: str
    module: str = ""
    is_overlay: bool = False
    when_faint: str = ""
    not_installed: str = ""

    def draw(self) -> Callable[[Image.Image], Image.Image]:
        function: Callable[[Image.Image], Image.Image] = import_module(
            f"detection.forensics.{self.module}"
        ).draw
        return function


FORENSIC_VIEWS = (
    ForensicView(
        "levels",
        "Error levels",
        "l",
        "What one more JPEG compression changes. Compare like textures: an edited part can stand out.",
    ),
    ForensicView(
        "noise",
        "Noise",
        "w",
        "What is left when each pixel is predicted from its neighbours. Look for parts with another grain.",
        module="noise",
    ),
    ForensicView(
        "attention",
        "Attention",
        "a",
        "Orange where detail raises the models' suspicion: what they used, not what is true.",
        is_overlay=True,
        when_faint="No detail of the picture raises the models' suspicion.",
    ),
    ForensicView(
        "mask",
        "Tamper mask",
        "m",
        "Where the segmentation model sees changed pixels.",
        is_overlay=True,
        when_faint="The segmentation model sees no changed pixels.",
        not_installed="No segmentation model is installed.",
    ),
)
