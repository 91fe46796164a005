"""Every recipe by name."""

from ml.recipes import d_dual_branch, e_ela_cnn, l_localiser, r_resnet, u_unet
from ml.recipes.base import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (e_ela_cnn.RECIPE, d_dual_branch.RECIPE, u_unet.RECIPE, r_resnet.RECIPE, l_localiser.RECIPE)
}


def find(name: str) -> Recipe:
    """The recipe of that name, in whatever case. Raises ValueError that names the known ones."""
    for known, recipe in RECIPES.items():
        if known.lower() == name.lower():
            return recipe
    raise ValueError(f"no recipe {name!r}: known are {', '.join(RECIPES)}")
