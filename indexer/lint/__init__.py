"""`kb check`: what editors should correct before they publish."""
