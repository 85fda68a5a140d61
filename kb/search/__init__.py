"""Search and suggestions: from words a visitor typed to the documents that answer them."""
