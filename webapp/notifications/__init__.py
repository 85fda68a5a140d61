"""Notifications: the agents' page of them, and the pages behind links in e-mails."""
