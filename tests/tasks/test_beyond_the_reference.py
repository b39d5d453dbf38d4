"""Tasks beyond T5's: their official files, in tiny ones of our own, and real rows where we have."""

import gzip
import importlib
import json
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.sources import FilesOrHub, HubSource
from t2t.task import Invalid
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()


def lines(*objects: object) -> str:
    return "".join(json.dumps(item) + "\n" for item in objects)


STEM = {
    "id": "own",
    "question": {
        "stem": "Q?",
        "choices": [{"text": "x", "label": "A"}, {"text": "y", "label": "B"}],
    },
    "answerKey": "B",
}
ARTICLE = {
    "title": "T",
    "paragraphs": [
        {
            "context": "It is 5 m.",
            "qas": [
                {
                    "id": "1",
                    "question": "How long?",
                    "answers": [{"text": "5 m", "answer_start": 6}],
                },
                {"id": "2", "question": "Who?", "answers": [], "is_impossible": True},
            ],
        }
    ],
}
TRIVIA = {
    "Question": "Q?",
    "QuestionId": "q1",
    "Answer": {"Value": "Rome", "Aliases": ["Rome", "Roma"], "NormalizedAliases": ["rome"]},
}
VALUE = '(list (description "A \\"B\\" (C)") (description D))'
ANLI = {"uid": "u", "context": "P", "hypothesis": "H", "label": "c", "reason": "r"}
WINOGRANDE = {"sentence": "A _", "option1": "x", "option2": "y", "answer": "2"}

PAWS = "id\tsentence1\tsentence2\tlabel\n1\tA\tB\t"
XNLI_TRAIN = 'premise\thypo\tlabel\nP "q\tH\tcontradictory\n'
XNLI = "language\tgold_label\tsentence1\tsentence2\nfr\tneutral\tF\tG\nde\tentailment\tP\tH\n"
CONLL = (
    "-DOCSTART- -X- -X- O\n\n"
    "Ada NNP I-NP I-PER\nLovelace NNP I-NP I-PER\nspoke VBD I-VP O\n\n"
    "Rain NN I-NP O\n"
)

# task, split, files below the data folder, the first example: inputs and targets
OFFICIAL = [
    (
        "nq_open",
        "train",
        {"nq_open/NQ-open.train.jsonl": lines({"question": "who", "answer": ["A", "B"]})},
        "nq question: who",
        "A",
    ),
    (
        "web_questions",
        "test",
        {
            "web_questions/webquestions.examples.test.json": json.dumps(
                [{"url": "u", "utterance": "who?", "targetValue": VALUE}]
            )
        },
        "wq question: who?",
        'A "B" (C)',
    ),
    (
        "trivia_qa_open",
        "validation",
        {"trivia_qa/triviaqa-unfiltered/unfiltered-web-dev.json": json.dumps({"Data": [TRIVIA]})},
        "trivia_qa question: Q?",
        "Rome",
    ),
    (
        "squad_v2",
        "validation",
        {"squad_v2/dev-v2.0.json": json.dumps({"data": [ARTICLE]})},
        "squad_v2 question: How long ? context: It is 5 m . ",
        "5 m",
    ),
    (
        "winogrande_s",
        "train",
        {"winogrande_1.1/train_s.jsonl": lines(WINOGRANDE)},
        "winogrande choice1: x choice2: y sentence: A _",
        "choice2",
    ),
    (
        "winogrande",
        "train",
        {"winogrande_1.1/train_xl.jsonl": lines(WINOGRANDE)},
        "winogrande choice1: x choice2: y sentence: A _",
        "choice2",
    ),
    (
        "winogrande",
        "test",
        {"winogrande_1.1/test.jsonl": lines({**WINOGRANDE, "answer": None})},
        "winogrande choice1: x choice2: y sentence: A _",
        "<unk>",
    ),
    (
        "hellaswag",
        "validation",
        {
            "hellaswag/hellaswag_val.jsonl": lines(
                {"ind": 3, "activity_label": "L", "ctx": "C", "endings": ["a", "b"], "label": 1}
            )
        },
        "hellaswag choice1: a choice2: b ctx: C",
        "choice2",
    ),
    (
        "hellaswag",
        "test",
        {
            "hellaswag/hellaswag_test.jsonl": lines(
                {"ind": 3, "activity_label": "L", "ctx": "C", "endings": ["a", "b"]}
            )
        },
        "hellaswag choice1: a choice2: b ctx: C",
        "<unk>",
    ),
    (
        "piqa",
        "validation",
        {
            "piqa/physicaliqa-train-dev/dev.jsonl": lines({"goal": "g", "sol1": "a", "sol2": "b"}),
            "piqa/physicaliqa-train-dev/dev-labels.lst": "1\n",
        },
        "piqa choice1: a choice2: b goal: g",
        "choice2",
    ),
    (
        "piqa",
        "test",
        {"piqa/tests.jsonl": lines({"goal": "g", "sol1": "a", "sol2": "b"})},
        "piqa choice1: a choice2: b goal: g",
        "<unk>",
    ),
    (
        "arc_easy",
        "train",
        {"ARC-V1-Feb2018-2/ARC-Easy/ARC-Easy-Train.jsonl": lines(STEM)},
        "arc choice1: x choice2: y question: Q?",
        "choice2",
    ),
    (
        "arc_challenge",
        "test",
        {"ARC-V1-Feb2018-2/ARC-Challenge/ARC-Challenge-Test.jsonl": lines(STEM)},
        "arc choice1: x choice2: y question: Q?",
        "choice2",
    ),
    (
        "openbookqa",
        "validation",
        {"OpenBookQA-V1-Sep2018/Data/Main/dev.jsonl": lines(STEM)},
        "openbookqa choice1: x choice2: y question_stem: Q?",
        "choice2",
    ),
    (
        "commonsense_qa",
        "test",
        {
            "commonsense_qa/test_rand_split_no_answers.jsonl": lines(
                {name: value for name, value in STEM.items() if name != "answerKey"}
            )
        },
        "commonsense_qa choice1: x choice2: y question: Q?",
        "<unk>",
    ),
    (
        "xsum",
        "train",
        {"xsum/train.source": "A long text.\n", "xsum/train.target": "Short.\n"},
        "xsum document: A long text.",
        "Short.",
    ),
    (
        "samsum",
        "validation",
        {
            "samsum/val.json": json.dumps(
                [{"id": "1", "dialogue": "A: Hi\r\nB: Hi", "summary": "S"}]
            )
        },
        "samsum dialogue: A: Hi\r\nB: Hi",
        "S",
    ),
    (
        "anli_r2",
        "validation",
        {"anli_v0.1/R2/dev.jsonl": lines(ANLI)},
        "anli hypothesis: H premise: P",
        "contradiction",
    ),
    (
        "xnli_de",
        "validation",
        {"XNLI-1.0/xnli.dev.tsv": XNLI},
        "xnli: premise: P hypothesis: H",
        "0",
    ),
    (
        "xnli_de",
        "train",
        {"XNLI-MT-1.0/multinli/multinli.train.de.tsv": XNLI_TRAIN},
        'xnli: premise: P "q hypothesis: H',
        "2",
    ),
    (
        "paws_x_en",
        "train",
        {"x-final/en/train.tsv": PAWS + "1\n"},
        "paws sentence1: A sentence2: B",
        "paraphrase",
    ),
    (
        "paws_x_ko",
        "train",
        {"x-final/ko/translated_train.tsv": PAWS + "0\n2\tA\tB\tNS\n"},
        "paws sentence1: A sentence2: B",
        "different_meaning",
    ),
    (
        "xquad_zh",
        "validation",
        {
            "xquad/xquad.zh.json": json.dumps(
                {
                    "data": [
                        {
                            "paragraphs": [
                                {
                                    "context": "长5米。",
                                    "qas": [
                                        {
                                            "id": "1",
                                            "question": "多长？",
                                            "answers": [{"text": "5米", "answer_start": 1}],
                                        }
                                    ],
                                }
                            ]
                        }
                    ]
                }
            )
        },
        "question: 多长 ？ context: 长5米 。 ",
        "5米",
    ),
    (
        "ag_news",
        "train",
        {"ag_news_csv/train.csv": '"4","Title ""x""","Text, more"\n'},
        'ag_news text: Title "x" Text, more',
        "Sci/Tech",
    ),
    (
        "dbpedia_14",
        "test",
        {"dbpedia_csv/test.csv": '14,"T"," C"\n'},
        "dbpedia title: T content:  C",
        "WrittenWork",
    ),
    (
        "imdb",
        "test",
        {"aclImdb/test/neg/0_1.txt": "Bad.", "aclImdb/test/pos/0_9.txt": "Good."},
        "imdb text: Bad.",
        "negative",
    ),
    (
        "trec_coarse",
        "train",
        {"trec/train_5500.label": "NUM:date When is it ?\n"},
        "trec_coarse text: When is it ?",
        "NUM",
    ),
    (
        "trec_fine",
        "test",
        {"trec/TREC_10.label": "NUM:date When is it ?\n"},
        "trec_fine text: When is it ?",
        "NUM:date",
    ),
    (
        "conll2003",
        "validation",
        {"conll2003/valid.txt": CONLL},
        "conll2003 sentence: Ada Lovelace spoke",
        "PER: Ada Lovelace",
    ),
]


def data_folder(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return folder


@pytest.mark.parametrize(
    ("name", "split", "files", "inputs", "target"),
    OFFICIAL,
    ids=[f"{name}-{split}" for name, split, *_ in OFFICIAL],
)
def test_official_files_are_read(tmp_path, name, split, files, inputs, target):
    task = REGISTRY.task(name)
    folder = data_folder(tmp_path, files)
    first = task.examples(split, folder)[0]
    assert (first.inputs, first.targets[0]) == (inputs, target)
    assert (first.label is None) == (target == "<unk>")
    row = task.rows(split, folder)[0]
    # Rows of either door have the same fields.
    assert set(row) == set(task.samples()[0])


def test_every_task_with_official_files_is_read_here():
    modules = (
        "closed_book_qa squad_v2 multiple_choice summarization natural_language_inference "
        "cross_lingual text_classification named_entities"
    )
    own = {
        task.name
        for module in modules.split()
        for task in importlib.import_module(f"t2t.tasks.{module}").TASKS
    }
    read = {REGISTRY.task(name).name for name, *_ in OFFICIAL}
    families = ("winogrande_", "anli_", "xnli_", "paws_x_", "xquad_")
    assert {name for name in own - read if not name.startswith(families)} == set()


def test_a_question_without_an_answer_is_unanswerable(tmp_path):
    task = REGISTRY.task("squad_v2")
    data_folder(tmp_path, {"squad_v2/train-v2.0.json": json.dumps({"data": [ARTICLE]})})
    with_answer, without = task.examples("train", tmp_path)
    assert (without.targets, without.label) == (("unanswerable",), ["unanswerable"])
    outputs = [("5 m", "Unanswerable."), ("unanswerable", "Bob"), ("5 m", "")]
    scores = [
        task.score([task.prediction(with_answer, one), task.prediction(without, other)])
        for one, other in outputs
    ]
    assert [(score["has_answer_em"], score["no_answer_em"], score["em"]) for score in scores] == [
        (100, 100, 100),
        (0, 0, 0),
        (100, 0, 50),
    ]


@pytest.mark.parametrize(
    ("name", "split", "files", "message"),
    [
        (
            "piqa",
            "train",
            {
                "piqa/physicaliqa-train-dev/train.jsonl": lines({}, {}),
                "piqa/physicaliqa-train-dev/train-labels.lst": "0\n",
            },
            "1 labels, and .* has 2 rows",
        ),
        (
            "xsum",
            "test",
            {"xsum/test.source": "a\nb\n", "xsum/test.target": "a\n"},
            "differ in their number",
        ),
        (
            "web_questions",
            "train",
            {
                "web_questions/webquestions.examples.train.json": json.dumps(
                    [{"url": "u", "utterance": "q", "targetValue": "(list)"}]
                )
            },
            "targetValue: names no",
        ),
        ("imdb", "train", {"aclImdb/train/neg/1.txt": "x"}, "train/pos: no .txt file"),
        ("imdb", "train", {"aclImdb/train/neg/1.txt": "x", "aclImdb/train/pos/1.txt": ""}, ""),
        (
            "conll2003",
            "test",
            {"conll2003/test.txt": "Ada NNP I-NP PER\n"},
            "tags: tag 'PER' is none of",
        ),
        (
            "conll2003",
            "test",
            {"conll2003/test.txt": CONLL + "\nAda I-PER\n"},
            "test.txt:9: line: must be 4 columns, is 2",
        ),
        (
            "trec_fine",
            "train",
            {"trec/train_5500.label": "NUM:when Q ?\n"},
            "fine_label: must be one of",
        ),
        (
            "ag_news",
            "train",
            {"ag_news_csv/train.csv": '"5","a","b"\n'},
            "class: must be one of 1, 2, 3, 4",
        ),
        (
            "arc_easy",
            "train",
            {"ARC-V1-Feb2018-2/ARC-Easy/ARC-Easy-Train.jsonl": lines({**STEM, "answerKey": "C"})},
            "answerKey: must be one of A, B, is 'C'",
        ),
        ("samsum", "test", {"samsum/test.json": "{}"}, "must be a list of objects"),
    ],
)
def test_bad_files_are_refused_with_their_place(tmp_path, name, split, files, message):
    data_folder(tmp_path, files)
    if not message:
        assert len(REGISTRY.task(name).rows(split, tmp_path)) == 2
        return
    with pytest.raises(UserError, match=message):
        REGISTRY.task(name).examples(split, tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "data", "message"),
    [
        (
            "conll2003",
            "conll2003/test.txt",
            b"Zo\xeb NNP I-NP I-PER\n",
            "test.txt:1: line: not UTF-8",
        ),
        ("trec", "trec/TREC_10.label", b"NUM:date Zo\xeb ?\n", "label:1: line: not UTF-8"),
    ],
)
def test_bytes_that_are_no_text_are_refused(tmp_path, name, file, data, message):
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_bytes(data)
    with pytest.raises(UserError, match=message):
        REGISTRY.task(name).rows("test", tmp_path)


def test_the_one_stray_byte_of_trec_is_a_space(tmp_path):
    (tmp_path / "trec").mkdir()
    (tmp_path / "trec/train_5500.label").write_bytes(b"NUM:date When\xf0is it ?\n")
    assert REGISTRY.task("trec").rows("train", tmp_path)[0]["text"] == "When is it ?"


def test_white_space_beyond_ascii_stays_in_a_word(tmp_path):
    data_folder(tmp_path, {"conll2003/train.txt": "A\u00a0B NNP I-NP I-PER\n"})
    assert REGISTRY.task("conll2003").rows("train", tmp_path)[0]["tokens"] == ["A\u00a0B"]


def test_classification_trains_on_topics_and_on_one_form_of_trec():
    tasks = set(REGISTRY.mixture("classification").rates)
    assert {"ag_news", "dbpedia_14", "imdb", "trec_fine", "anli_r1", "anli_r3"} <= tasks
    assert "trec_coarse" not in tasks


def test_the_hubs_splits_of_anli_have_other_names():
    task = REGISTRY.task("anli_r3")
    assert isinstance(task.source, FilesOrHub)
    assert isinstance(task.source.hub, HubSource)
    assert task.source.hub.split_names == {
        "train": "train_r3",
        "validation": "dev_r3",
        "test": "test_r3",
    }
    assert task.num_examples == {"train": 100459, "validation": 1200, "test": 1200}


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_item_of_no_split_of_reuters_is_refused(tmp_path, split):
    item = {"id": 1, "topics": [], "title": "T", "body": "B"}
    items = [{**item, "split": split}, {**item, "id": 2, "split": "tset"}]
    (tmp_path / "reuters").mkdir()
    (tmp_path / "reuters/modapte.jsonl.gz").write_bytes(gzip.compress(lines(*items).encode()))
    with pytest.raises(UserError, match=r"gz:2: split: must be one of train, test"):
        REGISTRY.task("reuters").rows(split, tmp_path)


def test_reuters_is_one_file_of_both_splits(tmp_path):
    items = [
        {"id": 1, "split": "train", "topics": ["b", "a"], "title": "T", "body": "B"},
        {"id": 2, "split": "test", "topics": [], "title": "T", "body": "B"},
    ]
    (tmp_path / "reuters").mkdir()
    (tmp_path / "reuters/modapte.jsonl.gz").write_bytes(gzip.compress(lines(*items).encode()))
    task = REGISTRY.task("reuters")
    (train,), (test,) = (task.examples(split, tmp_path) for split in ("train", "test"))
    assert (train.key, train.targets, train.label) == ("1", ("a, b",), ["a", "b"])
    assert (test.key, test.targets, test.label) == ("2", ("none",), [])
    half = task.prediction(train, "a, c")
    assert task.score([half, task.prediction(test, "none")])["micro_f1"] == 50
    assert isinstance(task.parse("", train), Invalid)


@pytest.mark.parametrize(
    ("name", "split", "count"),
    [
        ("nq_open", "validation", 3610),
        ("xquad_en", "validation", 1190),
        ("reuters", "train", 9603),
        ("reuters", "test", 3299),
    ],
)
def test_real_rows_are_read_back_as_their_labels(shared, name, split, count):
    task = REGISTRY.task(name)
    examples = task.examples(split, shared / "data")
    assert len(examples) == count == task.num_examples[split]
    values = [task.prediction(example, example.targets[0]) for example in examples]
    assert all(value.value is not None for value in values)
    scores = task.score(values)
    assert min(scores.values()) > 99.5


def test_words_for_real_rows(shared):
    """Every template of the library's fits the rows of official files."""
    for name in ("nq_open", "xquad_en"):
        task = REGISTRY.task(f"{name}_templates")
        plain = REGISTRY.task(name).examples("validation", shared / "data")
        worded = task.examples("validation", shared / "data")
        assert [e.label for e in worded] == [e.label for e in plain]
        assert len({e.inputs.split()[0] for e in worded}) >= 3
