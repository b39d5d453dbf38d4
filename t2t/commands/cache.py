"""`t2t cache ...`: text as token ids on disk."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.commands.options import AsJson, CacheDir, DataDir, OutDir, cell
from t2t.vocabularies.special_ids import NUM_SENTINELS

cache_app = typer.Typer(
    help="Token caches: build one from text, show it, verify it.", no_args_is_help=True
)


@cache_app.command("build")
def build_cache(
    files: Annotated[
        list[str], typer.Argument(help=".txt, .jsonl or .parquet files; the first two also as .gz.")
    ],
    vocabulary: Annotated[
        Path, typer.Option(help="A SentencePiece model file, or a tokenizer's folder.")
    ],
    out: OutDir,
    column: Annotated[str, typer.Option(help="The text's field in .jsonl and .parquet.")] = "text",
    on_bad_row: Annotated[
        Literal["skip", "refuse"], typer.Option(help="Rows that hold no text.")
    ] = "skip",
    sentinels: Annotated[
        int, typer.Option(min=0, help="How many a vocabulary without any gets, as in the recipe.")
    ] = NUM_SENTINELS,
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
            load_vocabulary(vocabulary, sentinels),
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
        print(f"{key:14} {cell(value)}")


@cache_app.command("verify")
def verify_cache(directory: CacheDir) -> None:
    """Read a cache whole and compare it with the hashes in its manifest."""
    from t2t.data.cache import TokenCache

    cache = TokenCache.open(directory, verify=True)
    print(f"{directory}: ok; {len(cache.lengths)} documents, {cache.tokens} tokens")
