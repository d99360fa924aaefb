"""Runs a fleet of Gitea Actions runners on rented machines."""
