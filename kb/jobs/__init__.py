"""Jobs: index runs that an editor asks for on a page and the worker carries out.

``index_runs`` keeps the runs in the database, and ``index_runner`` starts `kb index` for one.
"""
