"""Caduceus: a bidirectional Mamba over single bases, with the reverse complement built in (PS) or not (PH).

After Schiff et al. (2024), "Caduceus", ICML. The recurrence is in `selective_scan.py`, the token mixer
of a layer in `mamba.py`. With the reverse complement built in, every hidden state has two halves: one for the
given strand, and one for the other strand with its tokens and channels reversed.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    SequenceClassifierOutput,
)

from dnasweep.models.families.arguments import refuse
from dnasweep.models.families.mamba import BidirectionalMamba, normalisation
from dnasweep.models.families.real_tokens import mean_real, real_tokens, run_real_tokens
from dnasweep.models.families.registry import CADUCEUS
from dnasweep.models.families.two_strands import (
    TwoStrandBlock,
    TwoStrandEmbeddings,
    TwoStrandHead,
    other_half,
    strand_norm,
)

_STORED_TWICE = [r"mamba_rev\.(in|out)_proj\.", r"complement_map$"]
"""Patterns of weights that pickled files store twice."""
_OF_MAMBA = frozenset("d_state d_conv expand dt_rank bias conv_bias".split())
_OF_ITS_TRAINING = frozenset("dt_min dt_max dt_init dt_scale dt_init_floor use_fast_path".split())
"""Settings of `ssm_cfg` for the initialisation of a Mamba, or for the choice between two implementations."""


class CaduceusConfig(PreTrainedConfig):
    """Configuration with the setting names of the authors."""

    model_type = CADUCEUS.model_type
    attribute_map: ClassVar[dict[str, str]] = {"num_hidden_layers": "n_layer"}

    vocab_size: int = 16
    d_model: int = 256
    n_layer: int = 8
    ssm_cfg: dict[str, Any] | None = None
    rms_norm: bool = True
    residual_in_fp32: bool = False
    fused_add_norm: bool = True
    norm_epsilon: float = 1e-5
    pad_vocab_size_multiple: int = 8
    bidirectional: bool = True
    bidirectional_strategy: str | None = "add"
    bidirectional_weight_tie: bool = True
    rcps: bool = False
    complement_map: dict[str, int] | None = None
    initializer_range: float = 0.02
    initializer_cfg: dict[str, Any] | None = None
    pad_token_id: int | None = None
    tie_word_embeddings: bool = True
    # Not of the authors: models of numbers have a bias in their last layer.
    score_bias: bool = False

    def __post_init__(self, **others: Any) -> None:
        for name in sorted(set(self.ssm_cfg or {}) - _OF_MAMBA - _OF_ITS_TRAINING):
            raise ValueError(f"ssm_cfg has {name}, which is not a setting of Caduceus")
        if self.rcps and not self.complement_map:
            raise ValueError("complement_map is missing, but rcps requires it")
        self.tie_word_embeddings |= self.always_tied
        if self.rcps and not set(self.complements()) <= set(range(self.num_embeddings)):
            raise ValueError("complement_map names a token id that has no embedding")
        if self.pad_token_id is None:
            # PlantCaduceus has no [CLS] and [SEP]: of its 7 or, filled up, 8 tokens, [PAD] is the first.
            self.pad_token_id = 0 if self.vocab_size <= 8 else 4
        super().__post_init__(**others)

    @property
    def always_tied(self) -> bool:
        """Whether the authors' code ties the head to the embeddings, whatever the settings say."""
        return self.rcps

    @property
    def hidden_size(self) -> int:
        """Channels of a hidden state: two halves if the reverse complement is built in."""
        return 2 * self.d_model if self.rcps else self.d_model

    @property
    def num_embeddings(self) -> int:
        """Number of token embeddings: the vocabulary with padding."""
        multiple = self.pad_vocab_size_multiple
        return -(-self.vocab_size // multiple) * multiple

    def complements(self) -> list[int]:
        """Return the complement of each token id; ids without a complement map to themselves."""
        known = {int(k): int(v) for k, v in (self.complement_map or {}).items()}
        return [known.get(i, i) for i in range(self.num_embeddings)]


class _Block(nn.Module):
    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.norm = normalisation(config)
        self.mixer = BidirectionalMamba(config)

    def forward(self, x: Tensor, residual: Tensor | None) -> tuple[Tensor, Tensor]:
        residual = x if residual is None else x + residual
        return self.mixer(self.norm(residual)), residual


class _Embeddings(nn.Module):
    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.word_embeddings: nn.Module = (
            TwoStrandEmbeddings(config)
            if config.rcps
            else nn.Embedding(config.num_embeddings, config.d_model)
        )


class _Backbone(nn.Module):
    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        block = TwoStrandBlock if config.rcps else _Block
        self.layers = nn.ModuleList([block(config) for _ in range(config.n_layer)])
        self.norm_f = strand_norm(config) if config.rcps else normalisation(config)
        self.rcps = config.rcps

    def last(self, x: Tensor) -> Tensor:
        if not self.rcps:
            return self.norm_f(x)
        first, second = x.chunk(2, dim=-1)
        parts = [self.norm_f(first), other_half(self.norm_f(other_half(second)))]
        return torch.cat(parts, dim=-1)


class _Caduceus(PreTrainedModel):
    config: CaduceusConfig
    config_class = CaduceusConfig
    base_model_prefix = "caduceus"
    _supports_sdpa = True
    _keys_to_ignore_on_load_unexpected = _STORED_TWICE

    @property
    def stored_copies(self) -> tuple[tuple[str, str], ...]:
        """Patterns of names of weights that are copies of others, and the names of the others."""
        copy = (r"mamba_rev\.(in|out)_proj\.", r"mamba_fwd.\1_proj.")
        return (copy,) if self.config.bidirectional_weight_tie else ()

    @property
    def reads_complements(self) -> bool:
        """Whether the embedding of the complement of each token is looked up as well."""
        return self.config.rcps


class CaduceusModel(_Caduceus):
    """The encoder. Padding is never read, wherever it is."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.backbone = _Backbone(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of token embeddings."""
        words: Any = self.backbone.embeddings.word_embeddings
        return words.embedding if self.config.rcps else words

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        **others: Any,
    ) -> BaseModelOutput:
        """Return the last hidden states, (rows, tokens, hidden).

        Parameters
        ----------
        input_ids
            Token ids, shape (rows, tokens).
        attention_mask
            1 at real tokens, (rows, tokens); None when nothing is padded.
        output_hidden_states
            Whether the input of each layer, without the residual, is also returned; only for rows without
            padding.
        **others
            Further arguments; refused if they would change the result.
        """
        refuse(others)
        assert input_ids is not None
        real = real_tokens(input_ids, attention_mask, self.config.pad_token_id)
        x = self.backbone.embeddings.word_embeddings(input_ids)
        states: list[Tensor] | None = [] if output_hidden_states else None
        last = run_real_tokens(lambda part: self._all_layers(part, states), x, real)
        return BaseModelOutput(
            last_hidden_state=last, hidden_states=None if states is None else tuple(states)
        )

    def _all_layers(self, x: Tensor, states: list[Tensor] | None) -> Tensor:
        residual = None
        for layer in self.backbone.layers:
            if states is not None:
                states.append(x)
            x, residual = layer(x, residual)
        assert residual is not None
        return self.backbone.last(x + residual)


class CaduceusForMaskedLM(_Caduceus):
    """The masked language model, whose head is tied to the embeddings unless configured otherwise."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.caduceus = CaduceusModel(config)
        words = "caduceus.backbone.embeddings.word_embeddings"
        if config.rcps:
            self.lm_head: nn.Module = TwoStrandHead(config)
            self._tied_weights_keys = {"lm_head.lm_head.weight": f"{words}.embedding.weight"}
        else:
            self.lm_head = nn.Linear(config.d_model, config.num_embeddings, bias=False)
            self._tied_weights_keys = {"lm_head.weight": f"{words}.weight"}
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> MaskedLMOutput:
        """Return the vocabulary logits, (rows, tokens, embeddings), as `.logits`.

        Parameters
        ----------
        input_ids, attention_mask, **others
            As for :class:`CaduceusModel`.
        """
        states = self.caduceus(input_ids, attention_mask, **others)
        return MaskedLMOutput(
            logits=self.lm_head(states.last_hidden_state), hidden_states=states.hidden_states
        )


class CaduceusForSequenceClassification(_Caduceus):
    """The classifier, which reads the mean of all tokens; with both strands, the two logits are averaged."""

    def __init__(self, config: CaduceusConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.caduceus = CaduceusModel(config)
        outputs: int = config.num_labels  # type: ignore[assignment]
        self.score = nn.Linear(config.d_model, outputs, bias=config.score_bias)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> SequenceClassifierOutput:
        """Return the class logits, (rows, classes), as `.logits`.

        Parameters
        ----------
        input_ids, attention_mask, **others
            As for :class:`CaduceusModel`.
        """
        states = self.caduceus(input_ids, attention_mask, **others).last_hidden_state
        assert input_ids is not None
        real = real_tokens(input_ids, attention_mask, self.config.pad_token_id)
        mean = mean_real(states, real)
        if not self.config.rcps:
            return SequenceClassifierOutput(logits=self.score(mean))
        first, second = mean.chunk(2, dim=-1)
        logits = (self.score(first) + self.score(second.flip(-1))) / 2
        return SequenceClassifierOutput(logits=logits)
