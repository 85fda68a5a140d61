"""Building the next generation of the index: documents in, a published folder out.

``builder`` drives the build, ``forward_index`` turns texts into word numbers, ``partition_writer``
makes the arrays of one audience, and ``reuse`` finds what the previous generation already has.
Nothing here runs while a query is answered.
"""
