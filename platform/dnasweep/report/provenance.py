"""The sections that pages share: where the data and the numbers come from, and how to make them again."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.data.audit import Audit
from dnasweep.invocation import as_typed
from dnasweep.report.page import (
    Answer,
    Block,
    Bullets,
    Code,
    Facts,
    Notice,
    Page,
    PageTable,
    Section,
    Text,
    findings_section,
)
from dnasweep.sweeps.comparison import Compared
from dnasweep.tasks.task import Task

BEFORE = "Before you read on"
"""Title of the warnings of a job."""

PLANTED = (
    "The truth about the built-in data: what is planted in promoters, where the first base of each "
    "element lies (the transcription start is +1), and what fraction of sequences has it, mean over "
    "species. Negatives have the same elements anywhere but at these places, and CpG islands as often, so "
    "that a model has to learn which element stands where."
)


@dataclass(frozen=True, kw_only=True)
class SweepFrame:
    """What the page of every sweep says beside its comparison; only the title is needed."""

    title: str
    """Heading, usually the name of the sweep."""
    command: str = ""
    """Command line that makes this page again."""
    created: str = ""
    """When, in words; empty: not shown."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data summary, label to value; shown as given."""
    audit: Audit | None = None
    """What the audit of the data has found."""
    planted: pd.DataFrame | None = None
    """Of the built-in data: which elements the simulator has planted, and where."""
    tokenizers: pd.DataFrame | None = None
    """One row per tokenizer: name, bases per token, vocabulary used, unknown rate."""
    encoders: pd.DataFrame | None = None
    """One row per pretrained encoder."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Artefact keys, name to key."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where things are: storage root, tracking URI, experiment, run."""
    model: str = ""
    """By what jobs find the best model: `models:/NAME@ALIAS` where it is registered, else its folder;
    empty where none was chosen."""
    flags: str = ""
    """Options by which a job finds this sweep's storage and MLflow, where they are not the usual ones."""

    def steps(self, task: Task) -> list[tuple[str, str]]:
        """Return what to do with the best model of a task, with what to type."""
        if not self.model:
            return []
        given = shlex.join(["--model", self.model]) + f" {self.flags}".rstrip()
        registered = self.model.startswith("models:/")
        where = "The winner is registered in MLflow as" if registered else "The winner is in"
        # Probabilities of every base are lists, which Parquet has room for.
        ending = "csv" if task.head == "row" else "parquet"
        predict = as_typed(f"dnasweep predict {given} --data new.fa --out predictions.{ending}")
        named = [] if task.usual_target is not None else ["--target", task.names[task.wanted[0]]]
        data = shlex.join(["--data", "new.fa", *named])
        explain = as_typed(f"dnasweep shap-batch {given} {data}")
        return [
            (where, self.model),
            ("Predict with it", predict),
            ("Explain what it looks at", explain),
        ]

    def page(
        self,
        comparison: Compared,
        lead: str,
        sections: Sequence[Section],
        *,
        answer: Answer | None = None,
        tokenizers: str = "Tokenizers, fitted on training rows.",
        more: str = "",
    ) -> Page:
        """Return the page of a compared sweep.

        Parameters
        ----------
        comparison
            The compared sweep.
        lead
            What the page is of.
        sections
            What stands between the findings and the data.
        answer
            The first screen.
        tokenizers
            Caption of the table of tokenizers.
        more
            What else a reader should know who makes the page again.
        """
        again = "The same command makes this page again; stages that are there are not repeated."
        notes = (
            [one.message for one in self.audit.findings if one.level != "warning"]
            if self.audit
            else []
        )
        source = without_scratch(str(self.data.get("source", "")))
        data: list[Block] = [
            Facts({name: _written(value) for name, value in self.data.items()}),
            PageTable("audit", self.audit.table if self.audit else None, "The data by split."),
            Bullets(notes),
            PageTable("planted", self.planted, PLANTED),
            PageTable("tokenizer", self.tokenizers, tokenizers),
            PageTable("encoder", self.encoders, "Pretrained encoders."),
        ]
        reproduce: list[Block] = [
            Text([f"{again} {more}".strip()] if self.command else []),
            Code(self.command),
            Facts(self.places),
            Facts(self.keys, "Artefacts"),
            Facts(self.versions, "Versions"),
        ]
        return Page(
            title=self.title,
            lead=[" · ".join(filter(None, [source, lead, self.created]))],
            answer=answer,
            notice=audit_notice(self.audit),
            sections=[
                findings_section(
                    comparison.findings, comparison.verdicts, comparison.texts("reading")
                ),
                *sections,
                Section("data", "Data", data, folded=True),
                Section("again", "Reproduce", reproduce, folded=True),
            ],
        )


def audit_notice(audit: Audit | None) -> Notice:
    """Return the warnings of the audit of the data."""
    warnings = [finding.message for finding in audit.warnings] if audit else []
    several = "s" if len(warnings) > 1 else ""
    return Notice(f"{len(warnings)} warning{several} of the data audit", warnings)


def origin(settings: Mapping[str, Any]) -> list[str]:
    """Return the line that names the model of a job, its data and its genome, where they are known."""
    model = str(settings.get("model name") or settings.get("model") or "")
    if model and (tokenizer := settings.get("tokenizer")):
        model += f" ({tokenizer})"
    data = _written(settings.get("data") or "")
    known = {"model": model, "data": data, "genome": str(settings.get("genome file") or "")}
    line = " · ".join(f"{name} {value}" for name, value in known.items() if value)
    return [line] if line else []


def job_section(
    settings: Mapping[str, Any], *, command: str, files: Iterable[str] | str
) -> Section:
    """Return the section on how to make the page of a job again.

    Parameters
    ----------
    settings
        Shown as they are given; `title`, `command` and what is None are left out.
    command
        Command line of the job; empty: not shown.
    files
        What lies beside the page: names of files, or words.
    """
    listed = files if isinstance(files, str) else ", ".join(sorted(files))
    shown = {
        name.replace("_", " "): _written(value)
        for name, value in settings.items()
        if name not in ("title", "command") and value is not None
    }
    beside = [f"Beside this page: {listed}."] if listed else []
    blocks = [Code(command), Facts(shown), Text(beside, soft=True)]
    return Section("again", "Reproduce", blocks, folded=True)


def without_scratch(text: str) -> str:
    """Return text in which files of the front door, gone when it returns, are called what they held."""
    folder = re.escape(str(Path(tempfile.gettempdir()) / "dnasweep-"))
    return re.sub(rf"{folder}[^/\s]+/\S+", "sequences given in Python", text)


def _written(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_written, value))
    return without_scratch(str(value))
