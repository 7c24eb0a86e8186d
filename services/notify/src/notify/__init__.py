"""Sends SMS and remembers each one."""
