"""Known problems: what is broken at the moment, told to everybody whom it concerns.

An agent publishes a problem in words of their own. It stands above every form and suggestion until
it is resolved; people join it instead of filing the same ticket again.
"""
