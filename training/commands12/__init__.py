"""The fixed command set: training, export and measurement of the 12-class models of kwsd/commands12."""
