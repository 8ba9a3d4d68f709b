"""One's own recordings → spellings and thresholds: enrolment, curves over kept frames, clips that people judged."""
