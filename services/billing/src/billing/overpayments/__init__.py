"""Payments above the package: of the ISP, further packages, or kept as the customer's credit."""
