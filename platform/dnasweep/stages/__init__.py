"""Stages and their artefacts: data set, tokenizer, corpus, encoder, classifier, test scores."""
