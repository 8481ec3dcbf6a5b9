"""The Python interface, `import dnasweep`: small work runs in this process, large work as jobs.

Every function takes the options of the corresponding command, under the same names, and runs the same
code. Without `storage` and `address`, only the returned object is kept.
"""
