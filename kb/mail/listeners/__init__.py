"""Ways in for mail, one module each, all of which hand bytes and an envelope to the inbox."""
