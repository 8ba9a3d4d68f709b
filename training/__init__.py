"""Recipes that make the models of kwsd. Nothing here is needed to run the daemon; torch is."""
