"""A `transformers` tokenizer as a vocabulary: any family's, one of your own.

SentencePiece models are read several times faster by `t2t.vocabulary`, and give the same ids; this
is the door for everything else.

Rows, models and checkpoints of t2t have padding at id 0, end of sequence at 1, and sentinels as
the last ids in reverse. A tokenizer that has them elsewhere is renumbered: padding, end of
sequence, all other tokens in their order, sentinels. T5's tokenizers keep every id.
"""

import copy
import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t2t.errors import RunError, UserError
from t2t.files import sha256_json
from t2t.vocabularies.special_ids import EOS_ID, PAD_ID

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
_SPACE = "▁"
# What a folder may hold of a tokenizer beside the files that its class names; of a model's
# config.json the type is read, where the tokenizer's own settings do not name a class.
_SETTINGS_FILES = (
    *(TOKENIZER_FILE, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json"),
    *("chat_template.jinja", "config.json"),
)


class TokenizerVocabulary:
    """A tokenizer with T5's padding and end of sequence, 0 and 1, and sentinels last."""

    def __init__(self, tokenizer: Any, num_sentinels: int = 0) -> None:
        """A vocabulary over a tokenizer, which is left as it is.

        A tokenizer without padding gets `<pad>`. One without an end of sequence takes its
        separator (BERT's), or else gets `</s>`.

        Args:
            tokenizer: a `transformers.PreTrainedTokenizerBase`.
            num_sentinels: sentinels that are added to a tokenizer without any.
        """
        self._tokenizer, self.num_added_sentinels = _completed(tokenizer, num_sentinels)
        tokens = self._tokenizer.get_vocab()
        self.size: int = max(tokens.values()) + 1
        sentinels = _sentinels(tokens)
        self.num_sentinels = len(sentinels)
        self._end = _end_of_sequence(self._tokenizer)
        first = [self._tokenizer.pad_token_id, self._end]
        moved = {*first, *sentinels}
        rest = (token for token in range(self.size) if token not in moved)
        self._theirs: list[int] = [*first, *rest, *reversed(sentinels)]
        self._ours = self.own_order().tolist()
        self.is_renumbered = self._theirs != list(range(self.size))
        """Whether any id is another one than the tokenizer's."""
        unknown = self._tokenizer.unk_token_id
        self.unknown_id: int | None = None if unknown is None else self._ours[unknown]

    @property
    def embedding_rows(self) -> int:
        """`size` rounded up to a multiple of 128."""
        return -(-self.size // 128) * 128

    @property
    def tokens(self) -> list[str]:
        """The token of every id; "" where the tokenizer has none."""
        names = {token: name for name, token in self._tokenizer.get_vocab().items()}
        found = [names.get(token, "") for token in self._theirs]
        first = self.size - self.num_sentinels
        return found[:first] + [name.removeprefix(_SPACE) for name in found[first:]]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the tokens, their ids and the tokenizer's own settings."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        settings: dict[str, Any] = {"class": type(self._tokenizer).__name__}
        if backend:
            # How rows are cut and filled is no part of what ids mean, and calls change it.
            settings = json.loads(backend.to_str()) | {"truncation": None, "padding": None}
        ids = sorted(self._tokenizer.get_vocab().items())
        return sha256_json([ids, settings, self._theirs[:2]])

    def own_order(self) -> NDArray[np.int64]:
        """Our id of each of the tokenizer's ids, [size]."""
        ours = np.empty(self.size, np.int64)
        ours[self._theirs] = np.arange(self.size)
        return ours

    def sentinel(self, k: int) -> int:
        """The id of `<extra_id_k>`.

        Raises:
            UserError: the tokenizer has no such sentinel.
        """
        if not 0 <= k < self.num_sentinels:
            raise UserError(f"sentinel {k} does not exist: there are {self.num_sentinels}")
        return self.size - 1 - k

    def encode(self, text: str) -> list[int]:
        """Token ids of one text, without EOS."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of many texts, without EOS, in their order."""
        if not texts:
            return []
        rows: list[list[int]] = self._encoded(texts)["input_ids"]
        if not self.is_renumbered:
            return rows
        return [[self._ours[token] for token in row] for row in rows]

    def encode_documents(self, texts: Sequence[str], threads: int = 1) -> list[NDArray[np.int32]]:
        """Token ids of each text, without EOS; tokenizers have threads of their own."""
        return [np.array(row, np.int32) for row in self.encode_batch(texts)]

    def _encoded(self, texts: Sequence[str], *, offsets: bool = False) -> Any:
        # verbose: no warning of texts longer than a model, for they are cut here.
        return self._tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_offsets_mapping=offsets,
            verbose=False,
        )

    def unknown_parts(self, texts: Sequence[str]) -> list[list[str]]:
        """The parts of each text that no token stands for.

        They become the unknown id, or nothing where the tokenizer has no unknown token. A
        tokenizer that is written in Python does not say what its tokens stand for: there a word
        counts that has the unknown id.
        """
        if self.unknown_id is None and not self._tokenizer.is_fast:
            return [[] for _ in texts]
        if not self._tokenizer.is_fast:
            return [[word for word in text.split() if self._has_unknown(word)] for text in texts]
        encoded = self._encoded(texts, offsets=True)
        unknown = self._tokenizer.unk_token_id
        return [
            _uncovered(text, offsets)
            if unknown is None
            else [text[a:b] for token, (a, b) in zip(ids, offsets, strict=True) if token == unknown]
            for text, ids, offsets in zip(
                texts, encoded["input_ids"], encoded["offset_mapping"], strict=True
            )
        ]

    def _has_unknown(self, word: str) -> bool:
        return self.unknown_id in self.encode(word)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids up to the first EOS; padding and ids beyond the vocabulary vanish."""
        kept = list(ids)
        if EOS_ID in kept:
            kept = kept[: kept.index(EOS_ID)]
        theirs = [self._theirs[token] for token in kept if token != PAD_ID and token < self.size]
        text: str = self._tokenizer.decode(theirs)
        return text

    def save_tokenizer(self, folder: Path) -> dict[str, int]:
        """Write what `AutoTokenizer` loads, with the sentinels that were added.

        Returns:
            The tokenizer's own ids that a model's configuration names.
        """
        self._tokenizer.save_pretrained(folder)
        pad = self._tokenizer.pad_token_id
        return {
            "pad_token_id": pad,
            "eos_token_id": self._end,
            "decoder_start_token_id": pad,
        }


class TokenizerFolder(TokenizerVocabulary):
    """The tokenizer that a folder holds, whose files can be kept beside weights."""

    def __init__(self, path: Path, num_sentinels: int = 0) -> None:
        """Read the tokenizer in the folder `path`; nothing is looked for on the hub, no code run.

        Args:
            path: holds a tokenizer as `save_pretrained` writes it.
            num_sentinels: sentinels that are added to a tokenizer without any.

        Raises:
            UserError: no tokenizer is there, or a damaged one.
        """
        self.path = path
        tokenizer = _read(path)
        named = [name for name in tokenizer.vocab_files_names.values() if isinstance(name, str)]
        self._files = _present(path, (*_SETTINGS_FILES, *named))
        if named and not _present(path, named):
            # transformers makes an empty tokenizer of settings alone.
            raise UserError(f"{path}: no tokenizer: none of {', '.join(sorted(set(named)))}")
        super().__init__(tokenizer, num_sentinels)

    def save(self, folder: Path) -> None:
        """Copy the tokenizer's files into `folder`, which is made.

        Raises:
            OSError: the disk refused.
        """
        folder.mkdir()
        for file in self._files:
            shutil.copyfile(file, folder / file.name)


def _read(path: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            str(path), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        # Whatever the files hold is read by a class of transformers, each with errors of its own.
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"{path}: no tokenizer that transformers reads: {reason}") from error


def _present(folder: Path, names: Sequence[str]) -> list[Path]:
    """Those of the files that are there, each once."""
    return [folder / name for name in sorted(set(names)) if (folder / name).is_file()]


def _completed(tokenizer: Any, num_sentinels: int) -> tuple[Any, int]:
    """The tokenizer with padding, an end and sentinels, and how many of these were added."""
    missing: dict[str, str] = {}
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == _end_of_sequence(tokenizer):
        missing["pad_token"] = "<pad>"
    if _end_of_sequence(tokenizer) is None:
        missing["eos_token"] = "</s>"
    added = 0 if _sentinels(tokenizer.get_vocab()) else num_sentinels
    if not missing and not added:
        return tokenizer, 0
    completed = copy.deepcopy(tokenizer)
    if missing:
        completed.add_special_tokens(missing)
    names = [f"<extra_id_{k}>" for k in reversed(range(added))]
    completed.add_tokens(names, special_tokens=True)
    if len(_sentinels(completed.get_vocab())) < added:
        raise RunError(f"{type(tokenizer).__name__}: takes no sentinels; add none: sentinels=0")
    return completed, added


def _end_of_sequence(tokenizer: Any) -> int | None:
    """The id of the end of sequence, or of the separator that takes its place."""
    end: int | None = tokenizer.eos_token_id
    return tokenizer.sep_token_id if end is None else end


def _sentinels(tokens: dict[str, int]) -> list[int]:
    """The tokenizer's ids of <extra_id_0>, <extra_id_1>, ...; mT5 writes a space before each."""
    space = "" if "<extra_id_0>" in tokens else _SPACE
    names = (f"{space}<extra_id_{k}>" for k in count())
    return [tokens[name] for name in takewhile(tokens.__contains__, names)]


def _uncovered(text: str, offsets: Sequence[tuple[int, int]]) -> list[str]:
    """The parts of a text, between spaces, that no token covers."""
    covered = np.zeros(len(text), bool)
    for start, end in offsets:
        covered[start:end] = True
    left = "".join(
        " " if known else letter for letter, known in zip(text, covered.tolist(), strict=True)
    )
    return left.split()
