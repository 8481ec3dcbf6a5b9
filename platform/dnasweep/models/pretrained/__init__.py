"""Pretrained checkpoints: model directories of transformers, read without running code from them.

Models are loaded by `checkpoint.py`: `config_file.py` reads `config.json`, `heads.py` determines the head,
`settings.py` checks that transformers' own class supports the configuration, `model_class.py` finds the class
and loads the weights, which `weight_files.py` reads and `weight_match.py` compares with the settings, and
`smoke_test.py` runs the model on two rows. `any_head.py` loads a model with any head. `encoder.py` turns a model
into a classifier, with a tokenizer checked by `vocabulary_match.py`. `pickled_checkpoints.py` converts pickled
weights to safetensors. Architectures that transformers lacks are in :mod:`dnasweep.models.families`.
"""
