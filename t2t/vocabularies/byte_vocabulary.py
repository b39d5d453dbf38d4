"""ByT5's vocabulary as a SentencePiece file: pad 0, EOS 1, unknown 2, byte b is id b + 3.

As a file it serves wherever a vocabulary is named: recipes, caches, checkpoints, evaluation. Its
125 sentinels are the last ids in reverse, 383 is `<extra_id_0>`, as seqio numbers them.
(transformers' ByT5Tokenizer has the same ids from 259 up; the published ByT5 were pre-trained with
the bytes from id 258 down in the sentinels' place.)
"""

from pathlib import Path

from t2t.files import replacing
from t2t.vocabularies.special_ids import EOS_ID, PAD_ID, UNK_ID
from t2t.vocabulary import ModelProto, SentencePieceVocabulary

NUM_BYTE_SENTINELS = 125


def write_byte_vocabulary(out: Path) -> SentencePieceVocabulary:
    """Write the file, whole or not at all; the vocabulary that it holds.

    Raises:
        RunError: the disk refused.
    """
    with replacing(out) as temporary:
        temporary.write_bytes(_model())
    return SentencePieceVocabulary(out, NUM_BYTE_SENTINELS)


def _model() -> bytes:
    """No piece but the bytes, no normalisation, no space added or taken away."""
    model = ModelProto()
    kinds = ModelProto.SentencePiece
    pieces = [("<pad>", kinds.CONTROL), ("</s>", kinds.CONTROL), ("<unk>", kinds.UNKNOWN)]
    pieces += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    # As SentencePieceVocabulary would append them; in the file, for there are not T5's 100.
    sentinels = (f"▁<extra_id_{k}>" for k in reversed(range(NUM_BYTE_SENTINELS)))
    pieces += [(piece, kinds.USER_DEFINED) for piece in sentinels]
    for piece, kind in pieces:
        model.pieces.add(piece=piece, score=0.0, type=kind)
    trainer = model.trainer_spec
    trainer.model_type, trainer.byte_fallback = trainer.BPE, True
    trainer.pad_id, trainer.eos_id, trainer.unk_id, trainer.bos_id = PAD_ID, EOS_ID, UNK_ID, -1
    trainer.pad_piece, trainer.vocab_size = "<pad>", len(pieces)
    normaliser = model.normalizer_spec
    normaliser.name = "identity"
    normaliser.add_dummy_prefix = False
    normaliser.remove_extra_whitespaces = False
    normaliser.escape_whitespaces = False
    data: bytes = model.SerializeToString(deterministic=True)
    return data
