"""Pages for visitors and customers: the help centre, the ticket form, tickets and accounts."""
