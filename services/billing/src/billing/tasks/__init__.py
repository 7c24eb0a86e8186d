"""The outbox: work that payments and lines leave behind, leased to dispatchers, reported on, retried."""
