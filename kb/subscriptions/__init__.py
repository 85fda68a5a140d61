"""Subscriptions: who is told when something that they follow changes.

A topic is named by its kind and its key, such as ``problem:3`` or ``article:faq/export``. Nobody
receives a mail that they did not ask for, and every mail has a link to stop.
"""
