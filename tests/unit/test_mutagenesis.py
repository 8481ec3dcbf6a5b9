"""In-silico mutagenesis: the numbers of a plain loop, through tables and back, verified and shown."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dnasweep.attribution import mutagenesis
from dnasweep.attribution.checks import count_tokens
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.positions import per_base
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.shap_export import token_explanation
from dnasweep.attribution.tables import SCHEMAS, read_attributions, to_tables, work_list
from dnasweep.attribution.verification import Problem, check_shard
from dnasweep.attribution.worker import AttributionWorker, facts_of
from dnasweep.errors import InputError
from dnasweep.jobs.shards.verification import bounds_of
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.motifs.element_enrichment import ElementEnrichmentConfig
from dnasweep.report.attribution_page import write_report
from dnasweep.report.attribution_summary import ReportConfig
from dnasweep.stages.models import KIND, keep_model
from dnasweep.storage import Storage
from explainer_toys import learnt, value_of_bases
from toys import MOTIF

ISM = ExplainConfig(estimator="in_silico_mutagenesis")


def by_a_loop(toy, sequence: str) -> tuple[float, np.ndarray]:
    """Return value and effects, (bases, 4), one mutated sequence after the other."""

    def value(mutated: str) -> float:
        chance = predict_probabilities(toy.model, toy.tokenizer, [mutated], batch_size=1)[0]
        return float(np.log(chance[1] / chance[0]))

    prediction = value(sequence)
    effects = np.full((len(sequence), 4), np.nan)
    for place, base in enumerate(sequence):
        if base in "ACGT":
            for letter, other in enumerate("ACGT"):
                mutated = sequence[:place] + other + sequence[place + 1 :]
                effects[place, letter] = 0 if other == base else value(mutated) - prediction
    return prediction, effects


@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap", "bpe-64"])
def test_effects_are_those_of_a_plain_loop(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = learnt(spec)
    unknown = toy.sequences[1][:7] + "N" + toy.sequences[1][8:]
    chosen = [toy.sequences[1], unknown]
    # Mutants come in several parts.
    monkeypatch.setattr(mutagenesis, "BASES_AT_ONCE", 700)
    found = Explainer(toy.model, ISM, tokenizer=toy.tokenizer, batch_rows=7).explain(chosen)
    for sequence, one in zip(chosen, found, strict=True):
        prediction, effects = by_a_loop(toy, sequence)
        assert one.prediction == pytest.approx(prediction, abs=1e-4)
        np.testing.assert_allclose(one.effects, effects, atol=2e-4)
        loss = np.nan_to_num(-effects.sum(1) / 3)
        np.testing.assert_allclose(value_of_bases(one, len(sequence)), loss, atol=2e-4)
        sums = [loss[start:end].sum() for start, end in zip(one.starts, one.ends, strict=True)]
        np.testing.assert_allclose(one.phi, sums, atol=1e-3)
        assert one.num_evals == 1 + 3 * sum(base in "ACGT" for base in sequence)
    assert np.isnan(found[1].effects[7]).all()
    assert value_of_bases(found[1], len(unknown))[7] == 0


def test_it_finds_the_motif_and_the_sign_flips_with_the_class() -> None:
    toy = learnt("kmer-3")
    rows = np.flatnonzero(toy.labels)[:6]
    sequences = [toy.sequences[row] for row in rows]
    explainer = Explainer(toy.model, ISM, tokenizer=toy.tokenizer)
    self_test(explainer, sequences[0])
    other = dataclasses.replace(ISM, target="background")
    against = Explainer(toy.model, other, tokenizer=toy.tokenizer).explain(sequences)
    for row, one, negative in zip(rows, explainer.explain(sequences), against, strict=True):
        start = toy.motif_starts[row]
        bases = value_of_bases(one, len(toy.sequences[row]))
        assert bases[start : start + len(MOTIF)].sum() > 0.5 * np.abs(bases).sum()
        np.testing.assert_allclose(negative.phi, -one.phi, atol=1e-9)


def test_a_mutated_sequence_of_too_many_tokens_says_so() -> None:
    toy = learnt("bpe-64")
    explainer = Explainer(toy.model, ISM, tokenizer=toy.tokenizer)
    row = int(np.flatnonzero(toy.labels)[0])
    # As many positions as the model would have if it were made for this sequence.
    count = int(count_tokens([toy.sequences[row]], toy.tokenizer)[0])
    config = explainer.model.classifier.config
    before = config.max_position_embeddings
    config.max_position_embeddings = count + config.pad_token_id + 1
    try:
        with pytest.raises(InputError, match="a mutated sequence has"):
            explainer.explain([toy.sequences[row]])
    finally:
        config.max_position_embeddings = before


@pytest.fixture(scope="module", params=["kmer-3-overlap", "kmer-3"])
def job(request, tmp_path_factory):
    """Work list, tables and settings of a shard of mutated sequences."""
    toy = learnt(request.param)
    folder = tmp_path_factory.mktemp("ism")
    storage = Storage(folder / "runs")
    model = export(toy.model, toy.tokenizer, folder / "model")
    config = dataclasses.replace(ISM, target="promoter")
    settings = {
        **config.to_settings(),
        "tokenizer": request.param,
        "classes": ["background", "promoter"],
    }
    worker = AttributionWorker(
        storage=storage.root, kind=KIND, key=keep_model(storage, model), settings=settings
    )
    table = pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(8)],
            "species": "human",
            "label": toy.labels[:8].astype("int8"),
            "sequence": toy.sequences[:8],
        }
    )
    rows = work_list(table, count_tokens(toy.sequences[:8], toy.tokenizer))
    worker.smoke_test(rows.slice(0, 1))
    tables, facts = worker.compute(rows, lambda done: None)
    assert facts == facts_of(tables)
    assert "max_gap" not in facts
    assert facts["num_standard_errors"] == 0
    return rows, tables, settings, request.param.endswith("overlap")


def test_tables_hold_and_damage_is_found(job) -> None:
    rows, tables, settings, overlapping = job
    bounds = bounds_of(settings)
    assert bounds is None
    with pytest.raises(InputError, match="need not add up"):
        bounds_of(settings, absolute=0.1)

    def checked(found: dict[str, pa.Table]) -> list[Problem]:
        return list(check_shard(rows, found, bounds=bounds, overlapping=overlapping))

    def problems(found: dict[str, pa.Table]) -> list[str]:
        return [problem.what for problem in checked(found)]

    assert not problems(tables)
    bases = tables["bases"]
    own = f"to_{rows['sequence'][0].as_py()[4]}"
    changed = bases.to_pandas()
    changed.loc[4, own] = 0.5
    damaged = tables | {"bases": pa.Table.from_pandas(changed, bases.schema)}
    assert [problem.place for problem in checked(damaged)] == [f"sequence {rows['id'][0]}"]
    for column, value in (("to_C", 50.0), ("phi", 50.0), ("to_A", np.nan)):
        values = bases[column].to_numpy().copy()
        values[4] = value
        at = bases.schema.get_field_index(column)
        broken = bases.set_column(at, bases.schema.field(at), pa.array(values))
        assert any("effects of mutations" in one for one in problems(tables | {"bases": broken}))
    assert any(
        "not those of the sequences" in one for one in problems(tables | {"bases": bases[1:]})
    )
    values = tables["sequences"]["empty"].to_numpy().copy()
    values[0] = 1.0
    at = SCHEMAS["sequences"].get_field_index("empty")
    field = tables["sequences"].schema.field(at)
    known = tables["sequences"].set_column(at, field, pa.array(values))
    assert any(
        "not finite" in one or "gap" in one for one in problems(tables | {"sequences": known})
    )


def test_bases_keep_their_own_values_through_the_files(job, tmp_path: Path) -> None:
    _, tables, settings, _ = job
    shard = tmp_path / "shards" / "0"
    shard.mkdir(parents=True)
    for name, table in tables.items():
        pq.write_table(table, shard / f"{name}.parquet")
    read = read_attributions(tmp_path)
    assert read.bases is not None
    assert read.sequences["sequence_id"].tolist() == [f"s{i}" for i in range(8)]
    found = per_base(read)
    for row, name in enumerate(read.sequences["sequence_id"]):
        own = read.bases[read.bases["sequence_id"] == name]
        width = len(own)
        np.testing.assert_allclose(found.values[row, :width], own["phi"])
        np.testing.assert_allclose(
            -own[["to_A", "to_C", "to_G", "to_T"]].sum(axis=1) / 3, own["phi"]
        )
    with pytest.raises(InputError, match="table of bases"):
        per_base(read._replace(bases=read.bases[1:]))
    with pytest.raises(InputError, match="no base value"):
        token_explanation(read)
    if settings["tokenizer"] == "kmer-3":
        return
    page = write_report(
        tmp_path / "report",
        read,
        settings=settings,
        config=ReportConfig(
            enrichment=ElementEnrichmentConfig(permutations=19),
            num_true_positives=1,
            core_elements=False,
        ),
    )
    text = re.sub(r"data:[^\"]+", "", page.read_text())
    assert "need not add up to the output" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert not (tmp_path / "report" / "efficiency.png").exists()


def test_tables_of_other_estimators_have_no_bases() -> None:
    toy = learnt("kmer-3")
    config = ExplainConfig(estimator="attention", target="promoter")
    found = Explainer(toy.model, config, tokenizer=toy.tokenizer).explain(toy.sequences[:2])
    table = pd.DataFrame(
        {"id": ["a", "b"], "species": "", "label": [1, 0], "sequence": toy.sequences[:2]}
    )
    rows = work_list(table, np.array([14, 14]))
    tables = to_tables(rows, found, vocabulary=toy.tokenizer.tokens, settings=config.to_settings())
    assert set(tables) == {"tokens", "sequences"}
    checked = check_shard(rows, tables, bounds=bounds_of(config.to_settings()), overlapping=False)
    assert not list(checked)
