"""Promises: who is promised what, and when it falls due."""
