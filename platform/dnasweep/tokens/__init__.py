"""DNA as tokens: tokenizers, corpora, masking, mutual information of k-mers, batches."""
