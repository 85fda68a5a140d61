"""Mail that is answered: mailboxes, the addresses that a reply goes to, and what arrives there.

How a notice becomes a mail, and its way out, is in ``kb.notifications``.
"""
