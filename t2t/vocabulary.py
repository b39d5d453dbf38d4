"""Text to token ids and back: SentencePiece with T5's special ids and sentinels.

Ids 0, 1 and 2 are padding, end of sequence and unknown; there is no begin-of-sequence id.
The sentinels `<extra_id_0>` ... `<extra_id_99>` are the last ids in reverse order, so that
`<extra_id_0>`, the first span's sentinel, is the very last id: 32099 for T5's 32000 pieces.
"""

import contextlib
import io
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from sentencepiece import sentencepiece_model_pb2

from t2t.errors import UserError
from t2t.files import replacing, sha256_file
from t2t.vocabularies.special_ids import EOS_ID, NUM_SENTINELS, PAD_ID, UNK_ID
from t2t.vocabularies.tokenizer_vocabulary import TokenizerFolder

# The generated protobuf module makes its classes when imported, where no type checker sees them.
ModelProto: Any = sentencepiece_model_pb2.ModelProto  # type: ignore[attr-defined]

_FIRST_BYTE = 3
_SENTINEL = "▁<extra_id_"
# SentencePiece leaves out sentences above this many bytes; longer lines are split before it.
MAX_SENTENCE_BYTES = 4000
# A document above this many characters is encoded in parts: SentencePiece needs some 20 bytes of
# memory for each. Novels are shorter, and are encoded whole.
CHARACTERS_OF_A_PART = 1 << 22
_SPACE = "▁"
# A space between two letters or digits. Unicode's normalisation of a sequence that holds a space
# has a combining mark behind it, which is neither, or an Arabic letter beside it.
_ARABIC = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff"
_BETWEEN_WORDS = re.compile(rf"(?<=[^\W{_ARABIC}]) (?=[^\W{_ARABIC}])")
# The normalisations of SentencePiece that are Unicode's, and none of a user's own.
_KNOWN_NORMALISERS = ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity")


class Vocabulary(Protocol):
    """What the rest of t2t needs to know of a vocabulary."""

    @property
    def size(self) -> int:
        """Number of ids, sentinels included: 32100 for T5."""

    @property
    def embedding_rows(self) -> int:
        """Rows of the embedding matrix: `size` rounded up to a multiple of 128, 32128 for T5."""

    @property
    def num_sentinels(self) -> int:
        """How many of the last ids are sentinels."""

    @property
    def unknown_id(self) -> int | None:
        """The id of what no token stands for; None where there is none."""

    @property
    def tokens(self) -> list[str]:
        """The token of every id; sentinels by their names, <extra_id_0> last."""

    @property
    def fingerprint(self) -> str:
        """A hash that changes when any id may mean something else."""

    def sentinel(self, k: int) -> int:
        """The id that stands for the k-th corrupted span, counted from 0."""

    def encode(self, text: str) -> list[int]:
        """Token ids of one text, without EOS."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of many texts, without EOS, in their order."""

    def encode_documents(self, texts: Sequence[str], threads: int = 1) -> list[NDArray[np.int32]]:
        """Token ids of long texts, without EOS; `threads` of SentencePiece, -1 for all cores."""

    def unknown_parts(self, texts: Sequence[str]) -> list[list[str]]:
        """The parts of each text that the vocabulary has no token for."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids up to the first EOS."""


class StoredVocabulary(Vocabulary, Protocol):
    """A vocabulary that was read from disk, and can be kept beside weights."""

    @property
    def path(self) -> Path:
        """The SentencePiece model, or the tokenizer's folder."""

    @property
    def num_added_sentinels(self) -> int:
        """How many of the sentinels are not in the files, but were added when they were read."""

    @property
    def is_renumbered(self) -> bool:
        """Whether any id is another one than that of the tokenizer in the files."""

    def save(self, path: Path) -> None:
        """Write its files to `path`, which is not there: a file or a folder, as its own are."""


class SentencePieceVocabulary:
    """A SentencePiece model file with sentinels appended, as T5 and seqio use it."""

    is_renumbered = False
    unknown_id = UNK_ID

    def __init__(self, path: Path, num_sentinels: int = NUM_SENTINELS) -> None:
        """Load the model at `path`.

        Args:
            path: a SentencePiece model with pad 0, EOS 1 and unknown 2.
            num_sentinels: sentinels to append; a model that already ends in sentinels
                (mT5's does) keeps its own.

        Raises:
            UserError: no such file, not a SentencePiece model, or other special ids.
        """
        self.path = path
        model = _read_model(path)
        self.is_unigram: bool = model.trainer_spec.model_type == model.trainer_spec.UNIGRAM
        in_file = len(model.pieces)
        self.num_sentinels = _append_sentinels(model, num_sentinels, path)
        self.num_added_sentinels = len(model.pieces) - in_file
        self.is_bytes = _is_bytes(model, self.num_sentinels)
        """Whether the pieces are the 256 bytes, as vocabularies/byte_vocabulary.py writes them."""
        self._processor = _processor(model, path)
        self._splits_at_spaces = _splits_at_spaces(model)
        self.size: int = self._processor.get_piece_size()
        self._check_special_ids()

    def _check_special_ids(self) -> None:
        processor = self._processor
        found = (processor.pad_id(), processor.eos_id(), processor.unk_id())
        if found != (PAD_ID, EOS_ID, UNK_ID):
            raise UserError(
                f"{self.path}: pad, EOS and unknown are ids {found}; T5's are "
                f"{(PAD_ID, EOS_ID, UNK_ID)}. Train one with: t2t vocab train"
            )

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the model file and the number of sentinels."""
        return f"{sha256_file(self.path)}+{self.num_sentinels}"

    @property
    def embedding_rows(self) -> int:
        """`size` rounded up to a multiple of 128."""
        return -(-self.size // 128) * 128

    @property
    def tokens(self) -> list[str]:
        """The piece of every id; sentinels by their names, <extra_id_0> last."""
        pieces: list[str] = self._processor.id_to_piece(list(range(self.size)))
        first = self.size - self.num_sentinels
        return pieces[:first] + [piece.removeprefix(_SPACE) for piece in pieces[first:]]

    def save(self, path: Path) -> None:
        """Copy the model file to `path`.

        Raises:
            OSError: the disk refused.
        """
        shutil.copyfile(self.path, path)

    def sentinel(self, k: int) -> int:
        """The id of `<extra_id_k>`.

        Raises:
            UserError: the vocabulary has no such sentinel. (The reference runs on into
                ordinary pieces here; a recipe that needs that many is refused instead.)
        """
        if not 0 <= k < self.num_sentinels:
            raise UserError(f"sentinel {k} does not exist: {self.path} has {self.num_sentinels}")
        return self.size - 1 - k

    def encode(self, text: str) -> list[int]:
        """Token ids of one text, without EOS."""
        ids: list[int] = self._processor.encode(text)
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of many texts, without EOS; SentencePiece spreads them over all cores."""
        ids: list[list[int]] = self._processor.encode(list(texts), num_threads=-1)
        return ids

    def encode_documents(self, texts: Sequence[str], threads: int = 1) -> list[NDArray[np.int32]]:
        """Token ids of each text, without EOS, as `encode` has them: the fast way for long ones.

        A text above `CHARACTERS_OF_A_PART` is encoded in parts, cut at spaces, if no piece of the
        vocabulary goes across a space: the best segmentation is then that of the parts. (What
        SentencePiece finds for a long text may be a token in a million off, since it sums scores
        in 32 bits.) Other vocabularies, and texts without such spaces, are encoded whole.

        Args:
            texts: the documents.
            threads: of SentencePiece; -1 for all cores.
        """
        parts = [self._parts(text) for text in texts]
        flat: list[NDArray[np.int32]] = self._processor.encode(
            [part for of_text in parts for part in of_text],
            num_threads=threads,
            return_type="numpy",
        )
        if len(flat) == len(texts):
            return flat
        encoded = iter(flat)
        return [np.concatenate([next(encoded) for _ in of_text]) for of_text in parts]

    def _parts(self, text: str) -> list[str]:
        """A long text cut at spaces, which are left out: each part starts as a text does."""
        parts = []
        start = 0
        while len(text) - start > CHARACTERS_OF_A_PART and self._splits_at_spaces:
            space = _BETWEEN_WORDS.search(text, start + CHARACTERS_OF_A_PART)
            if space is None:
                break
            parts.append(text[start : space.start()])
            start = space.end()
        return [*parts, text[start:]]

    def unknown_parts(self, texts: Sequence[str]) -> list[list[str]]:
        """The parts of each text that become the unknown id, one id for each part."""
        encoded = self._processor.encode(list(texts), num_threads=-1, return_type="offset_mapping")
        return [
            [
                text[start:end]
                for token, (start, end) in zip(found["ids"], found["offsets"], strict=True)
                if token == UNK_ID
            ]
            for text, found in zip(texts, encoded, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of `ids` as seqio decodes: cut at the first EOS, padding vanishes.

        The unknown id, and ids beyond the vocabulary (embedding rows added as padding), give
        " ⁇ "; sentinels give their names.
        """
        kept: list[int] = []
        for token in ids:
            if token == EOS_ID:
                break
            kept.append(int(token) if token < self.size else UNK_ID)
        text: str = self._decode_bytes(kept) if self.is_bytes else self._processor.decode(kept)
        return text

    def _decode_bytes(self, ids: Sequence[int]) -> str:
        """As seqio and ByT5Tokenizer decode bytes: those that are no UTF-8 vanish."""
        data = b"".join(
            bytes([token - _FIRST_BYTE])
            if token < _FIRST_BYTE + 256
            else self._processor.id_to_piece(token).removeprefix(_SPACE).encode()
            for token in ids
            if token >= _FIRST_BYTE
        )
        return data.decode("utf-8", errors="ignore")


def load_vocabulary(path: Path, sentinels: int = NUM_SENTINELS) -> StoredVocabulary:
    """The vocabulary of a SentencePiece model file, or of a folder that holds a tokenizer.

    Args:
        path: a file that SentencePiece wrote, or a folder with what `save_pretrained` of a
            `transformers` tokenizer writes; read from disk alone.
        sentinels: how many a vocabulary without sentinels of its own gets as its last ids.

    Raises:
        UserError: neither is there, or it is damaged.
    """
    if path.is_dir():
        return TokenizerFolder(path, sentinels)
    return SentencePieceVocabulary(path, sentinels)


def _read_model(path: Path) -> Any:
    if not path.is_file():
        what = "is a folder, and no" if path.is_dir() else "no such"
        raise UserError(f"{path}: {what} vocabulary file")
    model = ModelProto()
    # The parser raises DecodeError (having read a part), or accepts short garbage as a model
    # without pieces; a file cut between two fields lacks the last of them, the normaliser.
    with contextlib.suppress(Exception):
        model.ParseFromString(path.read_bytes())
        if len(model.pieces) and model.HasField("normalizer_spec"):
            return model
    raise UserError(f"{path}: not a SentencePiece model, or a damaged one")


def _processor(model: Any, path: Path) -> sentencepiece.SentencePieceProcessor:
    try:
        return sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    except RuntimeError as error:
        # The bytes parse, and what they say is impossible, such as an empty piece.
        raise UserError(f"{path}: a damaged SentencePiece model: {error}") from error


def _is_bytes(model: Any, num_sentinels: int) -> bool:
    """Whether a model has byte b as id b + 3, and no pieces but these, T5's special ones first."""
    pieces = model.pieces[_FIRST_BYTE : len(model.pieces) - num_sentinels]
    return [piece.piece for piece in pieces] == [f"<0x{byte:02X}>" for byte in range(256)]


def _splits_at_spaces(model: Any) -> bool:
    """Whether the ids of a text are those of its parts between spaces.

    No piece may hold a space but at its start, every text must be read as if it began with one,
    and normalisation must be one of those that are known to leave a space between words alone.
    """
    normaliser = model.normalizer_spec
    return (
        normaliser.add_dummy_prefix
        and normaliser.escape_whitespaces
        and normaliser.name in _KNOWN_NORMALISERS
        and not model.trainer_spec.treat_whitespace_as_suffix
        and not any(_SPACE in piece.piece[1:] for piece in model.pieces)
    )


def _append_sentinels(model: Any, count: int, path: Path) -> int:
    """Append `count` sentinels in reverse, unless the model ends in some; how many it has.

    Raises:
        UserError: its own sentinels are not its last pieces in reverse, as T5's and mT5's are.
    """
    pieces = [piece.piece for piece in model.pieces]
    present: int = sum(piece.startswith(_SENTINEL) for piece in pieces)
    if present:
        if pieces[-present:] != [f"{_SENTINEL}{k}>" for k in reversed(range(present))]:
            raise UserError(
                f"{path}: its sentinels must be its last pieces, from <extra_id_{present - 1}> "
                "down to <extra_id_0>"
            )
        return present
    for k in reversed(range(count)):
        model.pieces.add(
            piece=f"{_SENTINEL}{k}>",
            score=0.0,
            type=ModelProto.SentencePiece.USER_DEFINED,
        )
    return count


def train_vocabulary(
    texts: Iterable[str],
    size: int,
    out: Path,
    *,
    kind: Literal["unigram", "bpe"] = "unigram",
    character_coverage: float = 0.9995,
) -> SentencePieceVocabulary:
    """Train a SentencePiece model on `texts` and write it to `out`.

    Args:
        texts: documents; each line of one is a sentence to SentencePiece.
        size: number of pieces, the three special ids included and sentinels not (T5: 32000).
        out: the model file to write, whole or not at all.
        kind: the segmentation: "unigram" as T5, or "bpe".
        character_coverage: share of the characters that get a piece; 1.0 keeps all.

    Raises:
        UserError: no text, or a size that the text cannot fill.
    """
    sentences = _sentences(texts)
    first = next(sentences, None)
    if first is None:
        raise UserError("cannot train a vocabulary: the files hold no text")
    # Opened before the long work: a path that cannot be written is refused at once.
    with replacing(out) as temporary:
        temporary.write_bytes(_trained(_chain(first, sentences), size, kind, character_coverage))
    return SentencePieceVocabulary(out)


def _trained(sentences: Iterator[str], size: int, kind: str, character_coverage: float) -> bytes:
    """The bytes of a SentencePiece model."""
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=sentences,
            model_writer=model,
            vocab_size=size,
            model_type=kind,
            character_coverage=character_coverage,
            pad_id=PAD_ID,
            eos_id=EOS_ID,
            unk_id=UNK_ID,
            bos_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).rsplit("] ", 1)[-1].strip() or "SentencePiece refused the text"
        raise UserError(f"cannot train a vocabulary of {size} pieces: {reason}") from error
    return model.getvalue()


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    """The non-empty lines of all texts; over-long lines are split at spaces, none is lost."""
    for text in texts:
        for line in text.split("\n"):
            stripped = line.strip()
            if not stripped:
                continue
            # 4 bytes is UTF-8's longest character, so a part of this width always fits.
            if len(stripped.encode("utf-8")) <= MAX_SENTENCE_BYTES:
                yield stripped
            else:
                yield from textwrap.wrap(stripped, MAX_SENTENCE_BYTES // 4)
