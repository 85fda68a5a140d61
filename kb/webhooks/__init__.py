"""Webhooks: which addresses are told of which events, and what became of each delivery.

How a delivery is signed and sent is in ``kb.notifications.channels.webhook``.
"""
