"""Rules of received mail, all pure: what it is, whose it is, where it belongs, what happens."""
