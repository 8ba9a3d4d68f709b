"""Where sound comes from: microphone, file, pipe. The only room that knows sounddevice, soundfile and soxr."""
