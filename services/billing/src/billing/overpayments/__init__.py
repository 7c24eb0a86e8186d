"""Payments above the package: of the ISP, further months, or kept as the customer's credit."""
