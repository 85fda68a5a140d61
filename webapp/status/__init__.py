"""What is broken at the moment, for everybody, and who is told when it changes."""
