"""What ISPs sell: packages with a price, a period and a router's profile, and which one each customer has."""
