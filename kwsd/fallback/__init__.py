"""The fixed 12-class spotter: ten words, unknown and silence, at a tenth of the cost of the open vocabulary."""
