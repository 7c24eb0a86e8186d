"""M-Pesa's callbacks: who may send them, what they say, and recording them."""
