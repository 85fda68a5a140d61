"""Addresses for programs: the JSON API, health checks and well-known files."""
