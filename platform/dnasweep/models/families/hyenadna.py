"""HyenaDNA: causal long convolutions over single bases, with filters computed from positions.

After Nguyen et al. (2023), "HyenaDNA", NeurIPS, and Poli et al. (2023), "Hyena Hierarchy", ICML. Convolutions
are computed by Fourier transforms of twice the length, so memory grows with the length.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutput,
    CausalLMOutput,
    SequenceClassifierOutput,
)

from dnasweep.models.families.arguments import refuse
from dnasweep.models.families.hyenadna_filter import LongFilter, long_convolution
from dnasweep.models.families.real_tokens import last_real, real_tokens, run_real_tokens
from dnasweep.models.families.registry import HYENADNA

_SHORT_PADDING = 2
"""Number of zero tokens that the short filter reads before and after a row."""
_LATER_FREQUENCIES = r"implicit_filter\.([3-9]|\d\d+)\.freq$"
"""Pattern of names of the frequencies of later sines, which are the same as those of the first."""


class HyenaDnaConfig(PreTrainedConfig):
    """Configuration with the setting names of the authors, and their values of absent settings."""

    model_type = HYENADNA.model_type
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_hidden_layers": "n_layer",
        "intermediate_size": "d_inner",
    }

    vocab_size: int = 12
    d_model: int = 256
    # Four times d_model.
    d_inner: int = 0
    n_layer: int = 12
    emb_dim: int = 3
    filter_order: int = 64
    num_inner_mlps: int = 2
    short_filter_order: int = 3
    hyena_order: int = 2
    max_seq_len: int = 1024
    layer_norm_epsilon: float = 1e-5
    pad_vocab_size_multiple: int = 8
    pad_token_id: int | None = 4
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True
    # Not of the authors: models of numbers have a bias in their last layer.
    score_bias: bool = False
    # The frequency of the sines, unless it was trained and is stored with the weights.
    activation_freq: float | int = 1
    train_freq: bool = True
    # Used only in training, or unused.
    use_bias: bool = True
    embed_dropout: float = 0.1
    hyena_dropout: float = 0.0
    hyena_filter_dropout: float = 0.0

    def __post_init__(self, **others: Any) -> None:
        self.d_inner = self.d_inner or 4 * self.d_model
        if self.pad_token_id is None:
            self.pad_token_id = 4
        super().__post_init__(**others)

    @property
    def num_embeddings(self) -> int:
        """Number of token embeddings: the vocabulary with padding."""
        multiple = self.pad_vocab_size_multiple
        return -(-self.vocab_size // multiple) * multiple


class _Mixer(nn.Module):
    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        width = config.d_model * (config.hyena_order + 1)
        self.in_proj = nn.Linear(config.d_model, width)
        self.out_proj = nn.Linear(config.d_model, config.d_model)
        # The same for every order; with order 3, the current token is the last one read.
        self.short_filter = nn.Conv1d(
            width, width, config.short_filter_order, groups=width, padding=_SHORT_PADDING
        )
        self.filter_fn = LongFilter(config)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.shape[1]
        parts = self.short_filter(self.in_proj(x).transpose(1, 2))[..., :tokens]
        gate, first, value = parts.chunk(3, dim=1)
        value = value * first
        mixed = long_convolution(value, self.filter_fn(tokens))
        mixed = mixed + value * self.filter_fn.bias[:, None]
        return self.out_proj((mixed * gate).transpose(1, 2).to(x.dtype))


class _FeedForward(nn.Module):
    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.d_model, config.d_inner)
        self.fc2 = nn.Linear(config.d_inner, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class _Layer(nn.Module):
    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.d_model)
        self.mixer = _Mixer(config)
        self.norm2 = nn.LayerNorm(config.d_model)
        self.mlp = _FeedForward(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.num_embeddings, config.d_model)


class _Backbone(nn.Module):
    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.layers = nn.ModuleList([_Layer(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)


class _HyenaDna(PreTrainedModel):
    config: HyenaDnaConfig
    config_class = HyenaDnaConfig
    base_model_prefix = "hyena"
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [_LATER_FREQUENCIES]  # type: ignore[misc]
    stored_copies: ClassVar[tuple[tuple[str, str], ...]] = (
        (_LATER_FREQUENCIES, "implicit_filter.1.freq"),
    )
    _supports_sdpa = True


class HyenaDnaModel(_HyenaDna):
    """The encoder. Padding is never read, wherever it is."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__(config)
        self.backbone = _Backbone(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of token embeddings."""
        return self.backbone.embeddings.word_embeddings

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
            Whether the states after the embeddings and after each layer are also returned.
        **others
            Further arguments; refused if they would change the result.
        """
        refuse(others)
        assert input_ids is not None
        real = real_tokens(input_ids, attention_mask, self.config.pad_token_id)
        x = self.get_input_embeddings()(input_ids)
        states = [x]
        if output_hidden_states:
            for layer in self.backbone.layers:
                states.append(run_real_tokens(layer, states[-1], real))
        return BaseModelOutput(
            last_hidden_state=run_real_tokens(self._all_layers, x, real),
            hidden_states=tuple(states) if output_hidden_states else None,
        )

    def _all_layers(self, x: Tensor) -> Tensor:
        for layer in self.backbone.layers:
            x = layer(x)
        return self.backbone.ln_f(x)


class HyenaDnaForCausalLM(_HyenaDna):
    """The language model, which predicts the next base."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {  # type: ignore[misc]
        "lm_head.weight": "hyena.backbone.embeddings.word_embeddings.weight"
    }

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__(config)
        self.hyena = HyenaDnaModel(config)
        self.lm_head = nn.Linear(config.d_model, config.num_embeddings, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """Return the output layer, whose weights may be tied to the embeddings."""
        return self.lm_head

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> CausalLMOutput:
        """Return the vocabulary logits of the next token, (rows, tokens, embeddings), as `.logits`.

        Parameters
        ----------
        input_ids, attention_mask, **others
            As for :class:`HyenaDnaModel`.
        """
        states = self.hyena(input_ids, attention_mask, **others)
        logits = self.lm_head(states.last_hidden_state)
        return CausalLMOutput(logits=logits, hidden_states=states.hidden_states)


class HyenaDnaForSequenceClassification(_HyenaDna):
    """The classifier, which reads the last token that is not padding, [SEP]."""

    def __init__(self, config: HyenaDnaConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.hyena = HyenaDnaModel(config)
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
            As for :class:`HyenaDnaModel`.
        """
        states = self.hyena(input_ids, attention_mask, **others).last_hidden_state
        assert input_ids is not None
        real = real_tokens(input_ids, attention_mask, self.config.pad_token_id)
        return SequenceClassifierOutput(logits=self.score(last_real(states, real)))
