"""`kb worker`: the process beside the portal that sends mails, sweeps tickets and runs jobs.

``assembly`` puts its parts together from the settings, and ``worker`` takes turns between them.
"""
