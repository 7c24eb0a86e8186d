"""Measures Rejesha beside its peers, in one run on one machine: `make bench`. Asserts nothing about speed."""
