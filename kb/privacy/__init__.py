"""What is held about a person, and how it is exported and erased.

``inventory`` lists every table and is the only place that says which rows are about whom. What is
deleted without being asked for, by age, is in ``kb.operations``.
"""
