"""Notifications: messages wait in the outbox until a channel has delivered them.

A message is queued in the transaction of the change that it reports, so neither exists without the
other. ``channels`` has one module for each way out. Who is notified of what is decided by the
rooms that queue the message, such as ``kb.tickets.recipients``.
"""
