"""Loops: the innermost ones, compiled, and the arrays that they work on."""
