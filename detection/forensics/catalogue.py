"""The forensic views that a reviewer can put next to the photograph: names, keys and words, without their code.

To add one, write a module `detection/forensics/<module>.py` with `draw`, and add its entry here. The evidence worker
computes it and keeps its picture under the view's name; the page shows its pane, its key and its line in the list of
keys. A view of several pictures or with facts of its own (error levels, attention, mask) is computed by `dossier.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from PIL import Image

from detection.texts import gettext_noop


@dataclass(frozen=True, slots=True)
class ForensicView:
    """`key`: the letter that shows it, which no other control of the workbench may have. `module`: of this package;
    its `draw` takes the upright picture and returns one of the same size; empty when `dossier.py` computes the
    view. `limits`: what its header says next to its measured worth (`worth.py`). `when_faint`: what the pane says of
    one with nothing to see. `when_missing`: what it means that a complete report lacks it.
    """

    name: str
    title: str
    key: str
    explanation: str
    module: str = ""
    is_overlay: bool = False
    limits: str = ""
    when_faint: str = ""
    when_missing: str = ""

    def draw(self) -> Callable[[Image.Image], Image.Image]:
        function: Callable[[Image.Image], Image.Image] = import_module(
            f"detection.forensics.{self.module}"
        ).draw
        return function


OLDER_REPORT = gettext_noop("This picture was examined before this view existed.")

FORENSIC_VIEWS = (
    ForensicView(
        "levels",
        gettext_noop("Error levels"),
        "l",
        gettext_noop(
            "What one more JPEG compression changes. Compare like textures: an edited part can stand out."
        ),
        limits=gettext_noop("Texture and edges always stand out."),
    ),
    ForensicView(
        "noise",
        gettext_noop("Noise"),
        "w",
        gettext_noop(
            "What is left when each pixel is predicted from its neighbours. Look for parts with another grain."
        ),
        module="noise",
        limits=gettext_noop("Smoothing by a phone looks like retouching."),
    ),
    ForensicView(
        "ghosts",
        gettext_noop("Ghosts"),
        "Q",
        gettext_noop(
            "JPEG ghosts, parts that were saved before at a lower quality: blue for the lowest, then green, yellow, "
            "red; bright where it is clear. Look for a part that differs from all around it."
        ),
        limits=gettext_noop("Only parts whose old JPEG grid lies on that of this file."),
        when_faint=gettext_noop("No part of the picture shows that it was saved before at a lower quality."),
        when_missing=OLDER_REPORT,
    ),
    ForensicView(
        "copies",
        gettext_noop("Copies"),
        "V",
        gettext_noop(
            "Parts of the picture that occur in it twice, as when something is covered with a copy of its surroundings."
        ),
        is_overlay=True,
        limits=gettext_noop(
            "Not if the copy was turned, mirrored or resized. Patterns repeat by themselves."
        ),
        when_faint=gettext_noop("No part of the picture occurs in it twice."),
        when_missing=OLDER_REPORT,
    ),
    ForensicView(
        "attention",
        gettext_noop("Attention"),
        "a",
        gettext_noop("Orange where detail raises the models' suspicion: what they used, not what is true."),
        is_overlay=True,
        limits=gettext_noop("Not measured: it explains the votes and is no evidence of its own."),
        when_faint=gettext_noop("No detail of the picture raises the models' suspicion."),
    ),
    ForensicView(
        "mask",
        gettext_noop("Tamper mask"),
        "m",
        gettext_noop("Where the segmentation model sees changed pixels."),
        is_overlay=True,
        limits=gettext_noop("It looks at the centre square."),
        when_faint=gettext_noop("The segmentation model sees no changed pixels."),
        when_missing=gettext_noop("No segmentation model is installed."),
    ),
)
