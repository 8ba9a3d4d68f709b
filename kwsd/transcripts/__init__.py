"""Speech becomes text: by the model's own transducer, by another program, or by a pipeline in a process of its own."""
