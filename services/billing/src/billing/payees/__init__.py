"""Who can be paid: ISPs and customers as routing sees them, and what payments move on them."""
