"""Sizes of the smallest models of published families in tests."""

SIZE = {
    "vocab_size": 24,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "pad_token_id": 3,
}
LETTERS = {"d_model": 16, "n_layer": 2}
