"""The support site: what ``site.toml`` says about it, beside its policies and its catalogue."""
