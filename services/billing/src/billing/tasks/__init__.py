"""The outbox: work that payments leave behind, leased to dispatchers, reported on, retried."""
