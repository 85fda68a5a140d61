"""Personal data: where it is stored, its export and its erasure.

``inventory`` lists every table and is the only place that says which rows are about whom. What is
deleted without being asked for, by age, is in ``kb.operations``.
"""
