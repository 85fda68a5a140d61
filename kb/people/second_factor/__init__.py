"""Second factors of a sign-in: authenticator apps, passkeys, recovery codes. No database here."""
