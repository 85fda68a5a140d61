"""AI assistants that act for people: a Model Context Protocol server over the portal's API, and the
tickets that they propose, which nobody but the person files.
"""
