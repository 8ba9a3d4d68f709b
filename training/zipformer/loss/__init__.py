"""The transducer loss: sum over alignments, its cheap additive form, and the band that the joiner is run on."""
