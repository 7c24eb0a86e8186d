"""The only public door: takes callbacks in and carries tasks out. No database, no money rules."""
