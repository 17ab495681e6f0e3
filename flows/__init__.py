"""Prefect flows: what runs when and where; no physics."""
