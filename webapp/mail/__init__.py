"""Mail that arrives: the hook of providers, the quarantine, and the page that confirms a sender."""
