"""Pages for editors: what is published, how search ranks it, and publishing."""
