"""Storage of tickets: everything in the ticket side that knows SQL, besides ``reports``."""
