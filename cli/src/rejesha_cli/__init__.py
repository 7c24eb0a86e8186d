"""The operator's command: talks to the services and the gateway, holds nothing itself."""
