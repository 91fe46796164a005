"""Every recipe by name."""

from ml.recipes import e_ela_cnn
from ml.recipes.base import Recipe

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (e_ela_cnn.RECIPE,)}


def find(name: str) -> Recipe:
    """The recipe of that name, in whatever case. Raises ValueError that names the known ones."""
    for known, recipe in RECIPES.items():
        if known.lower() == name.lower():
            return recipe
    raise ValueError(f"no recipe {name!r}: known are {', '.join(RECIPES)}")
