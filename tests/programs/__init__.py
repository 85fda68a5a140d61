"""Programs: keys of the API."""
