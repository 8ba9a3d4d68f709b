"""Labelled sound and the figures that hits in it come to; knows kwsd only."""
