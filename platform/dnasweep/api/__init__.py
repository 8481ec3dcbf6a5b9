"""What the names of `import dnasweep` are: small work in this process, large work by jobs.

Every function takes what the command of the same purpose takes, under the same names, and computes by
the same code. Without `storage` and `address` nothing is kept but what is returned.
"""
