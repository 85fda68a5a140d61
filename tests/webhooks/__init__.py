"""Webhooks: endpoints, events and deliveries."""
