"""Data set, tokenizer, corpus, encoder, classifier and test scores, each an artefact."""
