"""The text of a model's card, in Markdown."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from t2t.config import Recipe
from t2t.errors import T2TError
from t2t.evaluation.model_card.facts import (
    ModelFacts,
    Result,
    RunFacts,
    comes_from_hub,
    trained_names,
)
from t2t.model.sizes import ModelConfig
from t2t.registry import Registry
from t2t.sources import MemorySource
from t2t.task import Task

_ARCHITECTURES = {
    "encoder_decoder": "encoder-decoder",
    "shared": "encoder-decoder with shared parameters",
    "language_model": "decoder-only language model",
    "prefix_lm": "decoder-only prefix language model",
}


def card_text(
    facts: ModelFacts,
    registry: Registry,
    base_model: str | None,
    license: str | None,
    language: Sequence[str],
) -> str:
    """All sections, each only as far as something is known.

    Args:
        facts: of the model.
        registry: the tasks that the facts name.
        base_model: what it started from, on the hub.
        license: the hub's name of it; None is said to be unknown.
        language: ISO 639 codes; none are said to be unknown.
    """
    sections = [
        [f"# {facts.name}", *_model(facts, base_model)],
        ["## Training", *_training(facts, registry)],
        ["## Results", *_results(facts, registry)],
        ["## Use", *_use(facts, registry)],
        ["## Limits", *_limits(facts, license, language)],
    ]
    return "\n\n".join("\n\n".join(section) for section in sections) + "\n"


def _model(facts: ModelFacts, base_model: str | None) -> Iterator[str]:
    config = facts.config
    kind = _ARCHITECTURES[config.architecture]
    version = "T5 1.1" if config.feed_forward == "gated-gelu" else "T5 1.0"
    yield (
        f"A text-to-text model of the T5 family ({kind}, {version} layers) with "
        f"{facts.parameters:,} parameters, written by t2t."
    )
    if base_model:
        yield f"It started from [{base_model}](https://huggingface.co/{base_model})."
    rows = [("layers", _layers(config)), *_widths(config)]
    if facts.vocabulary:
        vocabulary = facts.vocabulary
        rows.append(("vocabulary", f"{vocabulary.kind}, {vocabulary.size} ids"))
    rows.append(("SHA-256 of the weights", f"`{facts.sha256}`"))
    yield _table(("", ""), rows)


def _layers(config: ModelConfig) -> str:
    if config.is_decoder_only:
        return str(config.num_decoder_layers)
    return f"{config.num_layers} in the encoder, {config.num_decoder_layers} in the decoder"


def _widths(config: ModelConfig) -> list[tuple[str, str]]:
    return [
        ("width", f"{config.d_model}, feed-forward {config.d_ff} ({config.feed_forward})"),
        ("attention", f"{config.num_heads} heads of {config.d_kv}"),
        ("embedding rows", f"{config.vocab_size}, {_head(config)}"),
    ]


def _head(config: ModelConfig) -> str:
    return "tied to the output" if config.tie_embeddings else "output of its own"


def _training(facts: ModelFacts, registry: Registry) -> Iterator[str]:
    if facts.run is None:
        yield "How the weights were trained is not known from their files."
        return
    run, recipe = facts.run, facts.run.recipe
    yield _table(("", ""), [*_settings(recipe, run), *_machine(run)])
    rows = list(_training_rows(run, registry))
    if rows:
        yield "Tasks that it was trained on:"
        yield _table(("task", "data set", "training examples"), rows)
    for name, text in recipe.text.items():
        objective = text.as_objective()
        yield f"Plain text `{name}`: objective {objective.name}."


def _settings(recipe: Recipe, run: RunFacts) -> list[tuple[str, str]]:
    optimizer, schedule = recipe.optimizer, recipe.schedule
    started = "weights of another model" if recipe.model.pretrained else "random weights"
    return [
        ("started from", started),
        ("trained parameters", recipe.finetune.method),
        ("steps", f"{run.step} of {recipe.train.steps}"),
        ("batch", f"{recipe.train.batch_size} rows, {recipe.data.batching}"),
        (
            "lengths",
            f"{recipe.data.inputs_length} input tokens, {recipe.data.targets_length} target tokens",
        ),
        ("optimizer", f"{optimizer.name}, learning rate {optimizer.learning_rate:g}"),
        ("schedule", f"{schedule.name}, {schedule.warmup_steps} warm-up steps"),
        ("mixture", f"{', '.join(trained_names(run))}; rates {recipe.mixture.rates}"),
        ("precision", recipe.train.precision),
        ("seed", str(recipe.seed)),
    ]


def _machine(run: RunFacts) -> Iterator[tuple[str, str]]:
    if run.versions:
        yield "versions", ", ".join(f"{name} {value}" for name, value in run.versions.items())
    if "device" in run.device:
        yield "device", f"{run.device['device']}, {run.device.get('processes', 1)} process(es)"


def _training_rows(run: RunFacts, registry: Registry) -> Iterator[tuple[str, ...]]:
    names = [n for n in trained_names(run) if registry.is_mixture(n) or registry.is_task(n)]
    for task in registry.expand(names, training=True):
        count = run.examples.get(task.name)
        place = _data_set(task, "train", count, run.data.get(task.name))
        yield f"`{task.name}`", place, "-" if count is None else str(count)


def _data_set(task: Task, split: str, examples: int | None, data: str | None) -> str:
    if not comes_from_hub(task, split, examples, data):
        return "rows of its own"
    hub = task.card.hub
    config = f" ({task.card.config})" if task.card.config else ""
    return f"[{hub}](https://huggingface.co/datasets/{hub}){config}"


def _results(facts: ModelFacts, registry: Registry) -> Iterator[str]:
    if not facts.results:
        yield "There are no scores of exactly these weights."
        return
    yield (
        "All scores are times 100. An invalid output (one that means nothing to the task) counts "
        "as wrong."
    )
    header = ("task", "data set", "split", "metric", "score", "examples", "invalid", "protocol")
    yield _table(header, [row for each in facts.results for row in _result_rows(each, registry)])
    if any(result.intervals for result in facts.results):
        yield "In brackets: the 95 % interval of a bootstrap over the test set's examples."
    lines = [
        f"- `{result.name.task}`, {metric}: `{signature}`"
        for result in facts.results
        for metric, signature in result.signatures.items()
    ]
    if lines:
        yield "\n".join(["Signatures:", "", *lines])


def _result_rows(result: Result, registry: Registry) -> Iterator[tuple[str, ...]]:
    task, split = registry.task(result.name.task), result.name.split
    place = _data_set(task, split, result.num_examples, result.data)
    counts = (str(result.num_examples), str(result.num_invalid))
    for name, value in result.metrics.items():
        ends = result.intervals.get(name, {})
        low, high = ends.get("low"), ends.get("high")
        interval = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
        shown = "not defined" if value is None else f"{value:.2f}{interval}"
        rules = f"{result.protocol}, version {result.version}"
        yield f"`{task.name}`", place, split, name, shown, *counts, rules


def _use(facts: ModelFacts, registry: Registry) -> Iterator[str]:
    if not facts.is_hf:
        yield (
            "`t2t evaluate` predicts with this folder; `t2t convert t2t-to-hf` makes one for "
            "transformers of it."
        )
        return
    if facts.vocabulary is None:
        yield "There is no tokenizer beside the weights; it needs the one that it was trained with."
    task, prompt = _prompt(facts, registry)
    if task is not None:
        yield f"With the words of the task `{task}`, on an invented example:"
    text = prompt if prompt is not None else "an input in the words of the task it was trained on"
    bpe_file = facts.vocabulary.bpe_file if facts.vocabulary else None
    lines = _use_tokenizer(facts, text) if bpe_file is None else _use_bpe(facts, text, bpe_file)
    yield "\n".join(["```python", *lines, "```"])


def _use_tokenizer(facts: ModelFacts, text: str) -> list[str]:
    return [
        "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer",
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({_quoted(facts.name)})",
        f"model = AutoModelForSeq2SeqLM.from_pretrained({_quoted(facts.name)})",
        f'inputs = tokenizer({_quoted(text)}, return_tensors="pt")',
        f"outputs = model.generate(**inputs, max_new_tokens={_longest_output(facts)})",
        "print(tokenizer.decode(outputs[0], skip_special_tokens=True))",
    ]


def _use_bpe(facts: ModelFacts, text: str, file: str) -> list[str]:
    """Without AutoTokenizer, which makes an empty T5 tokenizer of such a folder in silence."""
    return [
        "import sentencepiece",
        "import torch",
        "from transformers import AutoModelForSeq2SeqLM",
        "",
        "# transformers has no T5 tokenizer for a BPE model: AutoTokenizer would know no word.",
        "pieces = sentencepiece.SentencePieceProcessor()",
        f"pieces.Load({_quoted(f'{facts.name}/{file}')})",
        f"model = AutoModelForSeq2SeqLM.from_pretrained({_quoted(facts.name)})",
        f"inputs = torch.tensor([[*pieces.EncodeAsIds({_quoted(text)}), pieces.eos_id()]])",
        f"outputs = model.generate(inputs, max_new_tokens={_longest_output(facts)})",
        "print(pieces.DecodeIds([n for n in outputs[0].tolist() if n < pieces.GetPieceSize()]))",
    ]


def _quoted(text: str) -> str:
    """A string of Python, in the double quotes of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _longest_output(facts: ModelFacts) -> int:
    return facts.run.recipe.evaluation.max_target_length if facts.run else 128


def _prompt(facts: ModelFacts, registry: Registry) -> tuple[str | None, str | None]:
    """A task of the model, and inputs of its author's invention; None where it has none."""
    names = [result.name.task for result in facts.results]
    if facts.run:
        trained = trained_names(facts.run)
        names += [n for n in trained if registry.is_mixture(n) or registry.is_task(n)]
    for task in registry.expand(names):
        rows = list(task.samples())
        if not rows:
            continue
        sampled = replace(task, source=MemorySource({"validation": rows}))
        try:
            examples = sampled.examples("validation", None)
        except T2TError:
            continue
        if examples:
            return task.name, examples[0].inputs
    return None, None


def _limits(facts: ModelFacts, license: str | None, language: Sequence[str]) -> Iterator[str]:
    lines = [
        "- Only what the results name was measured; other prompts, languages and domains were not.",
        *_invalid_lines(facts),
    ]
    if facts.run is not None:
        longest = facts.run.recipe.data.inputs_length
        lines.append(f"- In training, inputs were at most {longest} tokens long.")
    if not language:
        lines.append("- Languages: not stated.")
    if license is None:
        lines.append("- Licence: not stated; none is given with the weights.")
    yield "\n".join(lines)


def _invalid_lines(facts: ModelFacts) -> Iterator[str]:
    for result in facts.results:
        if result.num_invalid:
            share = 100 * result.num_invalid / result.num_examples
            yield (
                f"- `{result.name.task}`, {result.name.split}: {result.num_invalid} of "
                f"{result.num_examples} outputs ({share:.1f} %) were invalid."
            )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in r)} |" for r in lines)
