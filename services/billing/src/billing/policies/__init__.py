"""What an ISP, and a customer besides, has decided on its lines: grace, cuts, part payments, reminders, language."""
