"""The recipe of each module: a file or folder here, named as the module's in `imip/modules/`, or else the default one.

A recipe is imported when it is asked for, so that a command which trains nothing does not wait for TensorFlow.
"""

from importlib import import_module
from importlib.util import find_spec

from imip.modules import MODULES
from training.about import read_about
from training.recipe import Recipe


def find(name: str) -> Recipe:
    """Return a module's recipe. Raises KeyError if there is no such module."""
    module = MODULES[name]
    path = f"{__name__}.{module.__module__.rpartition('.')[2]}"
    if find_spec(path) is None:
        from training.recipes.default import DefaultRecipe

        return DefaultRecipe(module, read_about(name))
    recipe: type[Recipe] = getattr(import_module(path), module.__name__)
    return recipe(module, read_about(name))
