"""Thousands of spoilt files, names, numbers and lines against every border of kwsd."""
