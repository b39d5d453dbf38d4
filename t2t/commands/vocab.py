"""`t2t vocab ...`: vocabularies."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from t2t.commands.options import DataDir

vocab_app = typer.Typer(help="Vocabularies: train one, or write ByT5's.", no_args_is_help=True)


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


@vocab_app.command("bytes")
def byte_vocabulary_command(
    out: Annotated[Path, typer.Option(help="The model file to write.")],
) -> None:
    """Write ByT5's vocabulary, the 256 bytes, as a file that recipes can name."""
    from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary

    vocabulary = write_byte_vocabulary(out)
    print(f"{out}: 259 pieces and {vocabulary.num_sentinels} sentinels")
