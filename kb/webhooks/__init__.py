"""Webhooks: which addresses receive which events, and the outcome of each delivery.

How a delivery is signed and sent is in ``kb.notifications.channels.webhook``.
"""
