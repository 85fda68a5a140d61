"""Pages for agents: the queue, a ticket with its actions, SLA performance, the audit log."""
