import pytest
from hypothesis import settings

# A busy machine is not a failure: no test here is about time.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


class Letters:
    """A vocabulary of letters: a is 3, b is 4, ...; 100 sentinels at the end."""

    size = 130
    embedding_rows = 256
    num_sentinels = 100
    fingerprint = "letters"

    def __init__(self):
        self.batches = []

    def sentinel(self, k):
        return self.size - 1 - k

    def encode(self, text):
        return [ord(letter) - ord("a") + 3 for letter in text]

    def encode_batch(self, texts):
        self.batches.append(len(texts))
        return [self.encode(text) for text in texts]

    def unknown_parts(self, texts):
        return [[letter for letter in text if not letter.islower()] for text in texts]

    def decode(self, ids):
        return "".join(chr(token - 3 + ord("a")) for token in ids)


@pytest.fixture
def letters():
    return Letters()
