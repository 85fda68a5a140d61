"""Ingest: files of editors and exports of forums become documents in a published generation."""
