"""Recipe L, beyond the documents: a U-Net that marks edited regions of faces, and a score from its mask."""

from ml.recipes.base import Budget, Context, Recipe, Results
from ml.recipes.scenes import write_portraits


def run(context: Context) -> Results:
    """See `localising.run`. It is imported here because it needs the extra `synthesis`, and listing recipes
    does not."""
    from ml.recipes import localising

    return localising.run(context)


RECIPE = Recipe(
    name="L",
    summary="colours and SRM residual into a U-Net, which region of a face was edited",
    source="beyond the documents: masks from synthesis and from RFF's flags",
    layout="a folder with any of rff/, lfw/, utkface/, scut/, portraits/",
    reported="none",
    budget=Budget(epochs=6, batch=16, side=192),
    smoke=Budget(epochs=1, batch=4, side=64, images=16),
    run=run,
    sample=write_portraits,
)
