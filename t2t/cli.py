"""The command line: `t2t ...`.

Each command parses its arguments and calls one function of the package. Modules that load
torch are imported inside the commands that need them, so that `--help` answers at once.
"""

import io
import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.errors import T2TError

app = typer.Typer(
    name="t2t",
    help="T5's text-to-text multitask recipe for PyTorch and Hugging Face.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tasks_app = typer.Typer(help="Tasks: list them, show one, preview its examples.")
mixtures_app = typer.Typer(help="Mixtures: list them, show rates and shares.")
recipes_app = typer.Typer(help="Shipped recipes: list them, print a path.")
submit_app = typer.Typer(
    help="Leaderboard submissions: write one, check one.", no_args_is_help=True
)
vocab_app = typer.Typer(help="Vocabularies: train one.", no_args_is_help=True)
cache_app = typer.Typer(
    help="Token caches: build one from text, show it, verify it.", no_args_is_help=True
)
app.add_typer(tasks_app, name="tasks")
app.add_typer(mixtures_app, name="mixtures")
app.add_typer(recipes_app, name="recipes")
app.add_typer(submit_app, name="submit")
app.add_typer(vocab_app, name="vocab")
app.add_typer(cache_app, name="cache")

DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of official files (superglue/...); else T2T_DATA_DIR, the hub."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as train.steps=100."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]
RecipeName = Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")]
OutDir = Annotated[Path, typer.Option(help="Folder to write to.")]
CacheDir = Annotated[Path, typer.Argument(help="Where `t2t cache build` wrote.")]
VocabularyFile = Annotated[Path | None, typer.Option(help="A SentencePiece model file.")]


def main() -> None:
    """Run the command line; a user's mistake is one message and exit code 2 or 1."""
    # Texts of any language are printed, whatever the locale says.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    try:
        app()
    except T2TError as error:
        print(f"t2t: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk or a lost one, beneath what the functions expect.
        print(f"t2t: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def quickstart(
    out: OutDir = Path("quickstart-out"),
    short: Annotated[bool, typer.Option(help="Every stage, but seconds of training.")] = False,
    no_pretrain: Annotated[
        bool, typer.Option("--no-pretrain", help="Also without pre-training, to compare.")
    ] = False,
) -> None:
    """The whole story on embedded data: vocabulary, pre-training, fine-tuning, scores, zip."""
    from t2t.quickstart.run import quickstart as run

    run(out, short=short, no_pretrain=no_pretrain)


@tasks_app.callback(invoke_without_command=True)
def tasks(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tasks unless another command follows."""
    if context.invoked_subcommand is None:
        list_tasks(as_json=as_json)


@tasks_app.command("list")
def list_tasks(as_json: AsJson = False) -> None:
    """Every task: its name, splits and training examples."""
    from t2t.inspection import task_summaries
    from t2t.registry import load_tasks

    _print_rows(task_summaries(load_tasks()), as_json)


@tasks_app.command("show")
def show_task(name: str, as_json: AsJson = False) -> None:
    """One task: source, splits, labels, metrics, version."""
    from t2t.inspection import describe_task
    from t2t.registry import load_tasks

    description = describe_task(load_tasks().task(name))
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
        return
    for key, value in description.items():
        print(f"{key:14} {_cell(value)}")


@tasks_app.command("preview")
def preview(
    name: str,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Stop after this many.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Token ids too; needs --vocabulary.")] = False,
    vocabulary: VocabularyFile = None,
    as_json: AsJson = False,
) -> None:
    """A task's examples as JSONL, in file order: the text as the reference casts it.

    The output is JSONL with or without --json.
    """
    from t2t.config import resolve_data_dir
    from t2t.inspection import preview_task
    from t2t.json_lines import json_line
    from t2t.registry import load_tasks

    task = load_tasks().task(name)
    for example in preview_task(
        task, split, resolve_data_dir(data_dir), limit=limit, ids=ids, vocabulary_file=vocabulary
    ):
        print(json_line(example))


@mixtures_app.callback(invoke_without_command=True)
def mixtures(context: typer.Context) -> None:
    """List the mixtures unless another command follows."""
    if context.invoked_subcommand is None:
        list_mixtures()


@mixtures_app.command("list")
def list_mixtures() -> None:
    """Every mixture and its members."""
    from t2t.registry import load_tasks

    registry = load_tasks()
    for name, mixture in sorted(registry.mixtures.items()):
        only = f" (evaluation only: {', '.join(mixture.evaluation_only)})"
        print(f"{name}: {', '.join(mixture.rates)}{only if mixture.evaluation_only else ''}")


@mixtures_app.command("show")
def show_mixture(
    name: Annotated[str | None, typer.Argument(help="A mixture; or give --recipe.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Show what this recipe mixes, by its own settings.")
    ] = None,
    sets: Sets = None,
    rates: Annotated[
        Literal["proportional", "equal", "reference"] | None,
        typer.Option(help="By counted examples (default), all alike, or by declared counts."),
    ] = None,
    cap: Annotated[int | None, typer.Option(min=1, help="K: no task counts for more.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=1.0, help="T: rates to the 1/T; by default 1.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Multiplies examples before the cap; by default 1.")
    ] = None,
    data_dir: DataDir = None,
    vocabulary: VocabularyFile = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Epochs after so many steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows of a step.")] = None,
    inputs_length: Annotated[
        int | None, typer.Option(min=1, help="Longest inputs; by default 512.")
    ] = None,
    targets_length: Annotated[
        int | None, typer.Option(min=1, help="Longest targets; by default 114.")
    ] = None,
    pack: Annotated[
        bool | None, typer.Option("--pack", help="Epochs of packed rows; needs --vocabulary.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A mixture's rates, examples and expected shares; of tokens too, with --vocabulary.

    With --steps and --batch-size also how often each task's examples are seen.
    """
    from t2t.mixture_shares import shares
    from t2t.registry import load_tasks

    given = {
        "rates": rates,
        "cap": cap,
        "temperature": temperature,
        "scale": scale,
        "data_dir": data_dir,
        "vocabulary": vocabulary,
        "steps": steps,
        "batch_size": batch_size,
        "inputs_length": inputs_length,
        "targets_length": targets_length,
        "pack": pack,
    }
    options = {key: value for key, value in given.items() if value is not None}
    rows = shares(load_tasks(), name, recipe, sets or [], options, _say)
    _print_rows(rows, as_json)


def _say(line: str) -> None:
    """Print beside what a program may read."""
    print(line, file=sys.stderr)


@recipes_app.callback(invoke_without_command=True)
def recipes(context: typer.Context) -> None:
    """List the recipes unless another command follows."""
    if context.invoked_subcommand is None:
        list_recipes()


@recipes_app.command("list")
def list_recipes() -> None:
    """The names of the recipes that come with t2t."""
    from t2t.config import shipped_recipes

    print("\n".join(shipped_recipes()))


@recipes_app.command("path")
def recipe_path(name: str) -> None:
    """The file of a shipped recipe."""
    from t2t.config import find_recipe

    print(find_recipe(name))


@app.command()
def validate(recipe: RecipeName, sets: Sets = None) -> None:
    """Check a recipe against tasks, files, vocabulary and model; nothing is built."""
    from t2t.registry import load_tasks
    from t2t.validation import validate as check

    check(recipe, sets or [], load_tasks(), print)
    print(f"{recipe}: ok")


@app.command()
def train(recipe: RecipeName, out: OutDir, sets: Sets = None) -> None:
    """Train by a recipe in one process; the same command again continues.

    For many processes: accelerate launch -m t2t.train RECIPE --out DIR
    """
    from t2t.train import run

    sys.exit(run(recipe, out, sets or []))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A step-N, run or Hugging Face folder.")],
    tasks: Annotated[str, typer.Option(help="Tasks and mixtures, with commas.")],
    out: OutDir,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    vocabulary: VocabularyFile = None,
    inputs_length: Annotated[
        int | None, typer.Option(min=2, help="Longest input; by default the run's, or 512.")
    ] = None,
    max_target_length: Annotated[
        int | None, typer.Option(min=1, help="Longest output; by default the run's, or 128.")
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens in a batch, on its longer side; by default by device."),
    ] = None,
) -> None:
    """Predict and score; writes predictions/TASK.SPLIT.jsonl and scores.json."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.evaluate import evaluate as run
    from t2t.registry import load_tasks

    run(
        checkpoint,
        [name.strip() for name in tasks.split(",")],
        split,
        resolve_data_dir(data_dir),
        out,
        load_tasks(),
        vocabulary_file=vocabulary,
        decoding={
            "inputs_length": inputs_length,
            "max_target_length": max_target_length,
            "batch_tokens": batch_tokens,
        },
    )


@app.command()
def score(
    directory: Annotated[Path, typer.Argument(help="Where `t2t evaluate` wrote.")],
) -> None:
    """Score again from the predictions files alone, without a model."""
    from t2t.evaluation.scoring import score_directory, scores_table
    from t2t.registry import load_tasks

    print(scores_table(score_directory(directory, load_tasks())))


@submit_app.command("superglue")
def submit_superglue(
    predictions: Annotated[Path, typer.Option(help="Where `t2t evaluate --split test` wrote.")],
    out: Annotated[Path, typer.Option(help="The zip to write.")],
    data_dir: DataDir = None,
    fill_missing: Annotated[
        bool, typer.Option("--fill-missing", help="Placeholders for what is not predicted.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse invalid outputs instead of replacing them.")
    ] = False,
) -> None:
    """Write a SuperGLUE submission from test predictions."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.leaderboards.submission import write_submission
    from t2t.evaluation.leaderboards.superglue import SUPERGLUE
    from t2t.registry import load_tasks

    report = write_submission(
        SUPERGLUE,
        predictions,
        out,
        load_tasks(),
        resolve_data_dir(data_dir),
        fill_missing=fill_missing,
        strict=strict,
    )
    print("\n".join(report.lines()))


@submit_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A submission's zip.")],
    data_dir: DataDir = None,
) -> None:
    """Check a SuperGLUE submission against the test files, or the official counts."""
    from t2t.config import resolve_data_dir
    from t2t.evaluation.leaderboards.check import check_submission
    from t2t.evaluation.leaderboards.superglue import SUPERGLUE
    from t2t.registry import load_tasks

    report = check_submission(file, SUPERGLUE, load_tasks(), resolve_data_dir(data_dir))
    print("\n".join(report.lines()))


@vocab_app.command("train")
def train_vocabulary_command(
    files: Annotated[list[str], typer.Argument(help=".txt, .jsonl or .parquet files.")],
    size: Annotated[int, typer.Option(min=4, help="Pieces, sentinels not counted.")],
    out: Annotated[Path, typer.Option(help="The model file to write.")],
    kind: Annotated[
        Literal["unigram", "bpe"], typer.Option(help="Segmentation; T5's is unigram.")
    ] = "unigram",
    character_coverage: Annotated[
        float, typer.Option(min=0.9, max=1.0, help="Share of characters that get a piece.")
    ] = 0.9995,
    column: Annotated[str, typer.Option(help="The text's field in .jsonl and .parquet.")] = "text",
    data_dir: DataDir = None,
) -> None:
    """Train a SentencePiece vocabulary on text."""
    from t2t.config import resolve_data_dir
    from t2t.documents import TextSource
    from t2t.vocabulary import train_vocabulary

    rows = TextSource(tuple(files), column).rows("train", resolve_data_dir(data_dir))
    vocabulary = train_vocabulary(
        (row["text"] for row in rows), size, out, kind=kind, character_coverage=character_coverage
    )
    print(f"{out}: {size} pieces and {vocabulary.num_sentinels} sentinels")


@cache_app.command("build")
def build_cache(
    files: Annotated[
        list[str], typer.Argument(help=".txt, .jsonl or .parquet files; the first two also as .gz.")
    ],
    vocabulary: Annotated[Path, typer.Option(help="A SentencePiece model file.")],
    out: OutDir,
    column: Annotated[str, typer.Option(help="The text's field in .jsonl and .parquet.")] = "text",
    on_bad_row: Annotated[
        Literal["skip", "refuse"], typer.Option(help="Rows that hold no text.")
    ] = "skip",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one a core.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Tokenise text files into a cache; the same command again goes on, or mends it."""
    from t2t.config import resolve_data_dir
    from t2t.data.cache_build import cache_of
    from t2t.documents import TextSource
    from t2t.training.stopping import StopRequest
    from t2t.vocabulary import load_vocabulary

    source = TextSource(tuple(files), column, on_bad_row)
    with StopRequest(before="stopped before the cache was whole"):
        cache = cache_of(
            source,
            load_vocabulary(vocabulary),
            resolve_data_dir(data_dir),
            out,
            lambda line: print(line, flush=True),
            workers,
            verify=True,
        )
    print(f"{out}: whole; {len(cache.lengths)} documents, {cache.tokens} tokens")


@cache_app.command("show")
def show_cache(directory: CacheDir, as_json: AsJson = False) -> None:
    """What a cache holds, what it was made from, and what was left out."""
    from t2t.data.cache import TokenCache

    description = TokenCache.open(directory).description()
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
        return
    for key, value in description.items():
        print(f"{key:14} {_cell(value)}")


@cache_app.command("verify")
def verify_cache(directory: CacheDir) -> None:
    """Read a cache whole and compare it with the hashes in its manifest."""
    from t2t.data.cache import TokenCache

    cache = TokenCache.open(directory)
    cache.verify()
    print(f"{directory}: ok; {len(cache.lengths)} documents, {cache.tokens} tokens")


@app.command()
def convert(
    direction: Annotated[
        Literal["hf-to-t2t", "t2t-to-hf"], typer.Argument(help="From which form to which.")
    ],
    source: Annotated[Path, typer.Argument(metavar="SRC", help="The folder to read.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to make.")],
) -> None:
    """Convert a checkpoint between t2t and Hugging Face T5."""
    from t2t.model.conversion import hf_to_t2t, t2t_to_hf

    converted = hf_to_t2t if direction == "hf-to-t2t" else t2t_to_hf
    lacking = converted(source, target)
    print("; ".join([f"{target}: written", *lacking]))


def _print_rows(rows: list[dict[str, object]], as_json: bool) -> None:
    """Print `rows` as a table, or as JSON lines."""
    if as_json:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        return
    columns = list(rows[0])
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    for line in [columns, *cells]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        # Rates and shares may be far below one, and are not zero then.
        return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.3g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)
