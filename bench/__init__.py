"""The numbers in the README, re-runnable: see bench/README.md."""
