"""Reports over all tickets: SLA attainment for the board, resolved links for search."""
