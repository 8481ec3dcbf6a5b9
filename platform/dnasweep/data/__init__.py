"""From rows to a data set: species and their tree, negatives, splits, clustering, audit, k-mer baseline, simulator."""
