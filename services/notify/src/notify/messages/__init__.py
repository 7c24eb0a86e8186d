"""Messages: accepted, shown, and the templates their texts are made from."""
