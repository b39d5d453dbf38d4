"""`t2t recipes ...`: the recipes that come with t2t."""

import typer

recipes_app = typer.Typer(help="Shipped recipes: list them, print a path.")


@recipes_app.callback(invoke_without_command=True)
def recipes(context: typer.Context) -> None:
    """List the recipes unless another command follows."""
    if context.invoked_subcommand is None:
        list_recipes()


@recipes_app.command("list")
def list_recipes() -> None:
    """The names of the recipes that come with t2t."""
    from t2t.recipe_files import shipped_recipes

    print("\n".join(shipped_recipes()))


@recipes_app.command("path")
def recipe_path(name: str) -> None:
    """The file of a shipped recipe, or of a configuration of accelerate (accelerate/fsdp2)."""
    from t2t.recipe_files import find_recipe, shipped_files

    configuration = shipped_files().get(name)
    print(configuration or find_recipe(name))
