"""Around a publish: the gate that a generation must pass, curation files, feedback, and media."""
