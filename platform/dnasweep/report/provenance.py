"""The sections common to all pages: the origin of data and numbers, and how to reproduce them."""

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
    "Ground truth of the built-in data: the elements planted in promoters, the position of each element's "
    "first base (the transcription start is +1), and the fraction of sequences that contain it, averaged over "
    "species. Negatives have the same elements at any other position, and CpG islands equally often, so a "
    "model has to learn which element belongs at which position."
)


@dataclass(frozen=True, kw_only=True)
class SweepFrame:
    """The parts of a sweep's page other than the comparison; only the title is required."""

    title: str
    """Heading, usually the name of the sweep."""
    command: str = ""
    """Command line that recreates this page."""
    created: str = ""
    """Time of creation, as text; empty: not shown."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Summary of the data, values by label; shown as given."""
    audit: Audit | None = None
    """Results of the data audit."""
    planted: pd.DataFrame | None = None
    """For the built-in data: the elements that the simulator planted, and their positions."""
    tokenizers: pd.DataFrame | None = None
    """One row per tokenizer: name, bases per token, vocabulary used, unknown rate."""
    encoders: pd.DataFrame | None = None
    """One row per pretrained encoder."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the artefacts, by name."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Locations: storage root, tracking URI, experiment, run."""
    model: str = ""
    """Name of the best model for jobs: `models:/NAME@ALIAS` if it is registered, else its folder; empty if
    none was chosen."""
    flags: str = ""
    """Options that point a job to this sweep's storage and MLflow, if these are not the defaults."""

    def steps(self, task: Task) -> list[tuple[str, str]]:
        """Return the next steps with the best model of a task, with the commands."""
        if not self.model:
            return []
        given = shlex.join(["--model", self.model]) + f" {self.flags}".rstrip()
        registered = self.model.startswith("models:/")
        where = "The winner is registered in MLflow as" if registered else "The winner is in"
        # Probabilities per base are lists, which need Parquet.
        ending = "csv" if task.head == "row" else "parquet"
        predict = as_typed(f"dnasweep predict {given} --data new.fa --out predictions.{ending}")
        named = [] if task.usual_target is not None else ["--target", task.names[task.wanted[0]]]
        data = shlex.join(["--data", "new.fa", *named])
        explain = as_typed(f"dnasweep shap-batch {given} {data}")
        return [
            (where, self.model),
            ("Predict with it", predict),
            ("Explain its predictions", explain),
        ]

    def page(
        self,
        comparison: Compared,
        lead: str,
        sections: Sequence[Section],
        *,
        answer: Answer | None = None,
        tokenizers: str = "Tokenizers, fitted on the training rows.",
        more: str = "",
    ) -> Page:
        """Return the page of a compared sweep.

        Parameters
        ----------
        comparison
            Comparison of the sweep.
        lead
            Subject of the page.
        sections
            Sections between the findings and the data.
        answer
            Contents of the first screen.
        tokenizers
            Caption of the table of tokenizers.
        more
            Further notes for readers who want to recreate the page.
        """
        again = "The same command recreates this page without repeating finished stages."
        notes = (
            [one.message for one in self.audit.findings if one.level != "warning"]
            if self.audit
            else []
        )
        source = without_scratch(str(self.data.get("source", "")))
        data: list[Block] = [
            Facts({name: _written(value) for name, value in self.data.items()}),
            PageTable("audit", self.audit.table if self.audit else None, "The data, by split."),
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
    """Return the warnings of the data audit."""
    warnings = [finding.message for finding in audit.warnings] if audit else []
    several = "s" if len(warnings) > 1 else ""
    return Notice(f"{len(warnings)} warning{several} of the data audit", warnings)


def origin(settings: Mapping[str, Any]) -> list[str]:
    """Return the line with the model, data and genome of a job, as far as they are known."""
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
    """Return the section on how to recreate the page of a job.

    Parameters
    ----------
    settings
        Settings, shown as given; `title`, `command` and values of None are left out.
    command
        Command line of the job; empty: not shown.
    files
        Names of the files beside the page, or a description of them.
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
    """Return a text in which temporary files of the Python interface are replaced by a description."""
    folder = re.escape(str(Path(tempfile.gettempdir()) / "dnasweep-"))
    return re.sub(rf"{folder}[^/\s]+/\S+", "sequences given in Python", text)


def _written(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_written, value))
    return without_scratch(str(value))
