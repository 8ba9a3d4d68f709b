"""What the search found, told in seconds, pieces and dB: hits become detections, misses near misses."""

from __future__ import annotations

from kwsd.audio.level import power_dbfs
from kwsd.events import Detection, NearMiss
from kwsd.keywords.compile import CompiledKeywords
from kwsd.search.hits import Finding, Hit, Miss
from kwsd.stream import Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import encoder_frame_start, seconds
from kwsd.why import Evidence, HeardToken


def event_of(
    found: Hit | Miss, frames: Frames, compiled: CompiledKeywords, tokenizer: PhraseTokenizer
) -> Detection | NearMiss:
    """A hit or a miss, told in seconds of the stream that the frames belong to."""
    keyword = compiled.keywords[found.keyword]
    timestamps = tuple(_seconds(frames, frame) for frame in found.emitted)
    end, heard = _seconds(frames, found.aligned[-1] + 1), seconds(frames.arrived_sample)
    if isinstance(found, Miss):
        return NearMiss(
            keyword=keyword.label,
            phrase=keyword.phrase,
            start=timestamps[0],
            end=end,
            score=round(found.score, 4),
            min_score=round(found.min_score, 4),
            reason=found.reason,
            why=_why(found.cause.name.lower(), found, frames, tokenizer, found.next_token),
        )
    return Detection(
        keyword=keyword.label,
        phrase=keyword.phrase,
        start=timestamps[0],
        end=end,
        score=round(found.score, 4),
        min_score=round(found.min_score, 4),
        threshold=compiled.searched.limits[found.keyword].threshold,
        tokens=tokenizer.pieces(found.tokens),
        timestamps=timestamps,
        stream_time=heard,
        latency_ms=round((heard - end) * 1000, 1),
        why=_why("alone" if found.grounds.alone else "score", found, frames, tokenizer),
    )


def _why(
    rule: str, found: Finding, frames: Frames, tokenizer: PhraseTokenizer, next_token: int | None = None
) -> Evidence:
    """The search's record in seconds, pieces and dB."""
    grounds = found.grounds
    pieces = tokenizer.pieces(found.tokens)
    heard = zip(pieces, found.posteriors, found.aligned, found.emitted, strict=True)
    return Evidence(
        rule=rule,
        spelling=found.spelling,
        tokens=tuple(
            HeardToken(
                token=piece,
                posterior=round(posterior, 4),
                time=_seconds(frames, aligned),
                emitted=_seconds(frames, emitted),
            )
            for piece, posterior, aligned, emitted in heard
        ),
        score=round(found.score, 4),
        threshold=grounds.threshold,
        running_threshold=grounds.running_threshold,
        margin_nats=round(found.margin_nats, 3),
        least_margin_nats=grounds.least_margin_nats,
        level_db=power_dbfs(grounds.level_nats),
        noise_db=power_dbfs(grounds.noise_nats),
        gain_db=frames.gain_db,
        lead_s=seconds(encoder_frame_start(grounds.lead_frames)),
        next_token=None if next_token is None else tokenizer.pieces([next_token])[0],
    )


def _seconds(frames: Frames, frame: int) -> float:
    """Where a frame of the same origin begins, in seconds of the stream."""
    return seconds(frames.origin_sample + encoder_frame_start(frame))
