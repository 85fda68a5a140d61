"""People: accounts, sessions, organisations, contacts and sign-in."""
