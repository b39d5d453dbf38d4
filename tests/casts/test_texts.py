from t2t.casts import texts


def test_a_document_has_no_inputs():
    assert texts.document({"text": "all of it"}) == ("", "all of it")
