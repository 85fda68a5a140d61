"""Access rules, request limits and security headers. Every request passes through here."""
