"""Breaks the running system on purpose and checks, from outside, that the promise held: `make chaos`."""
