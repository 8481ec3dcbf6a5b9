"""A model card: the facts that readers on the hub need about a model, as Markdown with metadata.

The format is that of the hub (Mitchell et al. 2019; `huggingface_hub.ModelCard`): a YAML header, from which
the hub fills its filters and its table of results, and a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.sweeps.training_record import TrainingRecord
from dnasweep.tasks.registry import task_of, task_of_model
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import metric_name, number, with_sd

CARD = "README.md"
_HUB_DATA = "hf://datasets/"


class Score(NamedTuple):
    """A score of the model on one split."""

    metric: str
    """Its bare name."""
    split: str
    """`validation` or `test`."""
    mean: float
    """Mean over the seeds of the combination."""
    sd: float | None
    """Standard deviation over the seeds; None for a single seed, or if it was not recorded."""
    baseline: float | None
    """Score of the k-mer baseline on the same rows."""


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """The facts on a card."""

    title: str
    """Name of the model."""
    config: Mapping[str, Any]
    """Its `config.json`."""
    tokenizer: str
    """Short name of the tokenizer."""
    loads_in_transformers: bool
    """Whether transformers can load the model without this package."""
    address: str
    """Argument for `load_model`: the repository, or a folder."""
    license: str | None
    """Licence, by its identifier on the hub."""
    base_model: str | None = None
    """Pretrained checkpoint on the hub that training started from."""
    record: TrainingRecord | None = None
    """Record of the training; None if there is none."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by its name."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Version of each package, by its name."""


def digests_of(files: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by name, 64 hexadecimal digits."""
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def scores_of(record: TrainingRecord) -> list[Score]:
    """Return the scores of a model's combination over its seeds, test scores first."""
    found = []
    chosen = str(record.sweep["metric"])
    others = [one for one in task_of(record.dataset.labels).metrics if one != chosen]
    for split in ("test", "validation"):
        for metric in (chosen, *others):
            name = f"{split}_{metric}"
            if name in record.row:
                reference = record.baseline.get(name)
                sd = record.row.get(f"{name}_sd")
                several = int(record.row.get("num_seeds", 1)) > 1
                found.append(
                    Score(
                        metric,
                        split,
                        float(record.row[name]),
                        float(sd) if sd is not None and several else None,
                        None if reference is None else float(reference),
                    )
                )
    return found


def source_names(request: Mapping[str, Any]) -> list[str]:
    """Return the names of the files that a data set was made from, without the folders of a machine."""
    files = [
        str(one)
        for name in ("data", "positives", "negatives", "sequences")
        for one in request.get(name) or ()
    ]
    return [one if one.startswith(_HUB_DATA) else Path(one).name for one in files]


def axes_of(record: TrainingRecord) -> dict[str, str]:
    """Return the values of a model's combination; a checkpoint by its name without its folder."""
    checkpoint, species = record.start
    of_hub = checkpoint in record.sweep.get("commits", {})
    values = {
        "tokenizer": str(record.row.get("tokenizer", "")),
        "checkpoint": checkpoint if of_hub else Path(checkpoint).name,
        "pretrained further on" if checkpoint else "pretrained on": species,
    }
    others = set(record.sweep["axes"]) - {"species_set", "seed", *values}
    values |= {axis: str(record.row[axis]) for axis in sorted(others) if axis in record.row}
    return {axis: value for axis, value in values.items() if value}


def base_model_of(record: TrainingRecord) -> str | None:
    """Return the repository of the hub that a model was fine-tuned from, or None."""
    checkpoint, _ = record.start
    known = checkpoint in record.sweep.get("commits", {})
    return checkpoint.partition("@")[0] if known else None


def card_text(facts: CardFacts) -> str:
    """Return a card as Markdown."""
    from huggingface_hub import ModelCardData

    task = task_of_model(facts.config)
    record = facts.record
    sources = source_names(record.request) if record else []
    published = [
        one.removeprefix(_HUB_DATA).partition("@")[0]
        for one in sources
        if one.startswith(_HUB_DATA)
    ]
    head = ModelCardData(
        license=facts.license,
        library_name="transformers" if facts.loads_in_transformers else "dnasweep",
        tags=["dna", "genomics", "biology", "dnasweep", task.name],
        base_model=facts.base_model,
        datasets=published or None,
        # The hub offers a demo for models that its own library can load.
        pipeline_tag=task.hub_name if facts.loads_in_transformers and task.hub_name else None,
        eval_results=_results(facts, sources) if record else None,
        model_name=facts.title if record else None,
    )
    texts = Texts("model_card", facts=facts, task=task, record=record)
    parts = [f"---\n{head.to_yaml()}\n---", f"# {facts.title}", texts("summary")]
    parts += [f"## How to use it\n\n{_usage(facts)}"]
    if record is None:
        parts.append(f"## Training\n\n{texts('unknown')}")
    else:
        parts += [
            f"## Scores\n\n{_score_table(record)}\n\n{texts('scores')}",
            f"## Training\n\n{texts('training', axes=axes_of(record))}",
            f"## Data\n\n{texts('data', sources=sources)}\n\n{_split_table(record)}",
            f"## What the audit of the data found\n\n{_audit(record)}",
        ]
    parts.append(
        f"## Files\n\n{_table(['file', 'SHA-256'], [[f'`{k}`', f'`{v}`'] for k, v in facts.digests.items()])}"
    )
    made = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    parts.append(f"Made with {made}.")
    return "\n\n".join(parts) + "\n"


def _results(facts: CardFacts, sources: Sequence[str]) -> list[Any]:
    from huggingface_hub import EvalResult

    assert facts.record is not None
    name = ", ".join(sources) or "simulated promoters of dnasweep"
    return [
        EvalResult(
            task_type=task_of_model(facts.config).hub_name or "other",
            dataset_type=name,
            dataset_name=name,
            dataset_split="test",
            metric_type=one.metric,
            metric_name=metric_name(one.metric),
            metric_value=round(one.mean, 4),
        )
        for one in scores_of(facts.record)
        if one.split == "test"
    ]


def _usage(facts: CardFacts) -> str:
    blocks = [
        "With dnasweep, which predicts as the scores of this card were computed:\n\n```python\nimport dnasweep\n\n"
        f"model = dnasweep.load_model({facts.address!r})\n"
        'model.predict(["ACGTTATAAAAGGC"])\n```'
    ]
    if facts.loads_in_transformers:
        blocks.append(
            "With transformers alone, for the logits:\n\n```python\nfrom transformers import "
            "AutoModelForSequenceClassification, AutoTokenizer\n\n"
            f"tokenizer = AutoTokenizer.from_pretrained({facts.address!r})\n"
            f"model = AutoModelForSequenceClassification.from_pretrained({facts.address!r})\n```"
        )
    return "\n\n".join(blocks)


def _score_table(record: TrainingRecord) -> str:
    rows = [
        [
            one.split,
            metric_name(one.metric),
            with_sd(one.mean, one.sd),
            number(one.baseline) if one.baseline is not None else "",
        ]
        for one in scores_of(record)
    ]
    return _table(
        ["rows", "metric", "this model", record.baseline.get("name") or "k-mer baseline"], rows
    )


def _split_table(record: TrainingRecord) -> str:
    labels = record.dataset.labels
    table = record.dataset.audit.table
    columns = [name for name in ("split", "label", "rows", "median", "gc") if name in table]
    rows = []
    for values in table[columns].to_dict("records"):
        label = values.get("label")
        if isinstance(label, int) and 0 <= label < len(labels.names):
            values["label"] = labels.names[label]
        if "gc" in values:
            values["gc"] = f"{values['gc']:.2f}"
        rows.append([str(values[name]) for name in columns])
    heads = {"median": "median bases", "gc": "G+C"}
    return _table([heads.get(name, name) for name in columns], rows)


def _audit(record: TrainingRecord) -> str:
    found = record.dataset.audit.warnings
    if not found:
        return "No warning."
    return "\n".join(f"- {one.message}" for one in found)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines
    )
