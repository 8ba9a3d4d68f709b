"""The documentation site: pages that are made, not written, and pictures. `scripts/docs` builds it."""
