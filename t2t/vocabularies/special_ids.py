"""The ids that rows are made with, whatever the vocabulary: T5's."""

PAD_ID = 0
EOS_ID = 1
UNK_ID = 2
"""Of SentencePiece models; a tokenizer may have its unknown token elsewhere, or none."""
NUM_SENTINELS = 100
"""T5's: what a vocabulary without sentinels of its own gets."""
