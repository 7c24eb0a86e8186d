"""`rejesha package`: what ISPs sell."""
