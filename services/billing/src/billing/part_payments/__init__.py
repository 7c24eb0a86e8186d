"""Payments below the package that are kept as the customer's credit, and spent when they make one."""
