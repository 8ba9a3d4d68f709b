"""From recordings to batches: texts, synthesis, packing, augmentation, log-mel features."""
