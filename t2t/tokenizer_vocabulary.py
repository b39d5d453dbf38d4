"""A `transformers` tokenizer as a vocabulary: mT5's, umT5's, one of your own.

SentencePiece models are read several times faster by `t2t.vocabulary`, and give the same ids; this
is the door for everything else.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import Any

from t2t.errors import UserError
from t2t.files import sha256_json
from t2t.vocabulary import EOS_ID, PAD_ID


class TokenizerVocabulary:
    """A tokenizer with T5's padding and end of sequence, 0 and 1."""

    def __init__(self, tokenizer: Any) -> None:
        """A vocabulary over a tokenizer.

        Args:
            tokenizer: a `transformers.PreTrainedTokenizerBase`.

        Raises:
            UserError: its padding is not id 0, or its end of sequence not id 1.
        """
        found = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        if found != (PAD_ID, EOS_ID):
            raise UserError(
                f"the tokenizer's padding and end of sequence are ids {found[0]} and {found[1]}; "
                f"rows are made with {PAD_ID} and {EOS_ID}, which T5's tokenizers have"
            )
        self._tokenizer = tokenizer
        self.size: int = len(tokenizer)
        self.num_sentinels = self._count_sentinels()

    def _count_sentinels(self) -> int:
        """How many of the last ids are <extra_id_0>, <extra_id_1>, ... in reverse."""
        known = self._tokenizer.get_vocab()
        names = (f"<extra_id_{k}>" for k in count())
        return next(k for k, name in enumerate(names) if known.get(name) != self.size - 1 - k)

    @property
    def embedding_rows(self) -> int:
        """`size` rounded up to a multiple of 128."""
        return -(-self.size // 128) * 128

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the tokens, their ids and the tokenizer's own settings."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        settings = backend.to_str() if backend else type(self._tokenizer).__name__
        return sha256_json([sorted(self._tokenizer.get_vocab().items()), settings])

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
        # verbose: no warning of texts longer than a model, for they are cut here.
        encoded = self._tokenizer(
            list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of the ids up to the first EOS."""
        kept = list(ids)
        if EOS_ID in kept:
            kept = kept[: kept.index(EOS_ID)]
        text: str = self._tokenizer.decode([token for token in kept if token != PAD_ID])
        return text
