"""Files of the field, read and written: FASTA, BED, VCF, motifs, delimited text; and which format a file is of.

Knows nothing of splits or models.
"""
