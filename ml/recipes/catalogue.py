"""Every recipe by name."""

from ml.recipes import (
    d_dual_branch,
    e_ela_cnn,
    frozen_lite0,
    l_localiser,
    r_resnet,
    t1_t2_resnet18,
    t3_t4_simple_cnn,
    t5_voting,
    t6_analysis,
    u_unet,
)
from ml.recipes.base import Recipe

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        t1_t2_resnet18.T1,
        t1_t2_resnet18.T2,
        t1_t2_resnet18.T1_LITE,
        t1_t2_resnet18.T2_LITE,
        t3_t4_simple_cnn.T3,
        *t3_t4_simple_cnn.T4,
        t5_voting.T5,
        t5_voting.T5_FULL,
        t5_voting.T5_ADAMW,
        t6_analysis.RECIPE,
        e_ela_cnn.RECIPE,
        d_dual_branch.RECIPE,
        u_unet.RECIPE,
        r_resnet.RECIPE,
        frozen_lite0.R_FROZEN,
        frozen_lite0.T1_FROZEN,
        l_localiser.RECIPE,
    )
}


def find(name: str) -> Recipe:
    """The recipe of that name, ignoring case. Raises ValueError that names the known ones."""
    for known, recipe in RECIPES.items():
        if known.lower() == name.lower():
            return recipe
    raise ValueError(f"no recipe {name!r}: known are {', '.join(RECIPES)}")
