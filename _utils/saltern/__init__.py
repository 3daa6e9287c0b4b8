"""Saltern's own package: decisions without Salt. Loader files stay thin and call in here."""
