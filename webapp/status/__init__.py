"""Known problems for everybody, and notifications of those who follow one."""
