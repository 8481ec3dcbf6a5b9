"""Pretrained checkpoints: model directories of transformers, read without running code of theirs.

The path from files to a model is in `checkpoint.py`: `config_file.py` reads `config.json`, `heads.py` says which
head the model has, `settings.py` checks that transformers' own class computes what it describes, `model_class.py`
finds the class and fills it with the weights that `weight_files.py` reads and `weight_match.py` compares with the
settings, and `smoke_test.py` tries the model on two rows. `any_head.py` loads it with whatever head it has.
`encoder.py` makes a classifier of such a model, with the tokenizer that `vocabulary_match.py` compares with it.
`pickled_checkpoints.py` makes safetensors of pickled weights. Which architectures there are beside those of
transformers is in :mod:`dnasweep.models.families`.
"""
