"""The only place that converts samples, frames and seconds. Everything counts from the start of the stream."""

SAMPLE_RATE = 16_000  # Hz; every sample inside kwsd is at this rate
FBANK_SHIFT_SAMPLES = 160  # 10 ms
FBANK_CENTRE_SAMPLES = FBANK_SHIFT_SAMPLES // 2  # frame f of a snip_edges=false fbank is centred on 160 f + 80
FBANK_LAST_SAMPLE = 280  # frame f reaches to sample 160 f + 280: half a shift plus half a 25 ms window
SUBSAMPLING = 4  # fbank frames per encoder frame: 40 ms
ENCODER_SHIFT_SAMPLES = FBANK_SHIFT_SAMPLES * SUBSAMPLING


def seconds(samples: int) -> float:
    """Samples at 16 kHz → seconds, to the microsecond."""
    return round(samples / SAMPLE_RATE, 6)


def samples(duration_s: float) -> int:
    """Seconds → samples at 16 kHz, to the nearest one."""
    return round(duration_s * SAMPLE_RATE)


def encoder_frame_start(frame: int) -> int:
    """Encoder frame → its sample in the stream. Times of tokens are these, as in sherpa-onnx: 40 ms × frame."""
    return frame * ENCODER_SHIFT_SAMPLES


def encoder_frames(duration_s: float) -> int:
    """Seconds → whole encoder frames of 40 ms, to the nearest one."""
    return round(duration_s * SAMPLE_RATE / ENCODER_SHIFT_SAMPLES)


def fbank_samples_needed(frames: int) -> int:
    """Samples that must have arrived before `frames` fbank frames are complete."""
    return FBANK_SHIFT_SAMPLES * (frames - 1) + FBANK_LAST_SAMPLE
