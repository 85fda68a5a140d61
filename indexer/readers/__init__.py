"""Readers: the bytes of one file become documents; one file per format family."""
