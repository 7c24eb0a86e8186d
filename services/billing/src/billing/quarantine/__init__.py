"""Callbacks that could not become payments, kept until an operator has replayed or dismissed them."""
