"""The only public service: takes callbacks in and carries tasks out. No database of ours, no money rules."""
