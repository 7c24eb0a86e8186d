"""What operators change on ISPs and customers: checked as at creation, kept with what was before."""
