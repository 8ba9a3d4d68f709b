"""What the page may ask for. Who may ask is the gate's business; nothing here opens a file that a browser names."""

import json
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from kwsd.bridges.web.curves import read_curves
from kwsd.bridges.web.hub import Hub, Told, TooManyPagesError
from kwsd.bridges.web.keyword_editor import KeywordEditor, KeywordText
from kwsd.bridges.web.room import RoomRequest
from kwsd.bridges.web.saved import SavedClips, VerdictRequest
from kwsd.bridges.web.teacher import LessonRequest, Teacher
from kwsd.errors import KwsdError
from kwsd.limits import THRESHOLD

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class MuteRequest(BaseModel):
    """Close the microphone or open it again."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    muted: bool


class ThresholdRequest(BaseModel):
    """What a keyword's score has to reach."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    keyword: Annotated[str, Field(min_length=1, max_length=500)]
    threshold: Annotated[float, THRESHOLD]
    save: bool = False
    """In the keyword file as well."""


class Pages:
    """The answers."""

    def __init__(
        self, hub: Hub, keywords: KeywordEditor, teacher: Teacher, saved: SavedClips, curves: Path | None
    ) -> None:
        """`curves` is the file that `kwsctl tune` wrote, if there is one."""
        self._hub = hub
        self._keywords = keywords
        self._teacher = teacher
        self._saved = saved
        self._curves = curves
        self._static = {
            found.name: (found.read_bytes(), TYPES[found.name.rpartition(".")[2]])
            for found in (files("kwsd.bridges.web") / "static").iterdir()
        }

    def app(self) -> Starlette:
        """The application, without a gate."""
        return Starlette(
            routes=[
                Route("/", self.static),
                Route("/{name}", self.static),
                Route("/api/events", self.events),
                Route("/api/clips/{number:int}", self.clip),
                Route("/api/saved", self.saved),
                Route("/api/saved/{number:int}", self.saved_sound),
                Route("/api/saved/judge", self.judge, methods=["POST"]),
                Route("/api/mute", self.mute, methods=["POST"]),
                Route("/api/keywords", self.keywords),
                Route("/api/keywords/check", self.check_keywords, methods=["POST"]),
                Route("/api/keywords/save", self.save_keywords, methods=["POST"]),
                Route("/api/teach/begin", self.begin_lesson, methods=["POST"]),
                Route("/api/teach/take", self.take, methods=["POST"]),
                Route("/api/teach/listen", self.listen, methods=["POST"]),
                Route("/api/teach/learn", self.learn, methods=["POST"]),
                Route("/api/teach/learn", self.learning),
                Route("/api/teach/keep", self.keep, methods=["POST"]),
                Route("/api/teach/room", self.room),
                Route("/api/teach/room", self.listen_to_room, methods=["POST"]),
                Route("/api/curves", self.curves),
                Route("/api/threshold", self.threshold, methods=["POST"]),
                Route("/api/reload", self.reload, methods=["POST"]),
            ],
            exception_handlers={
                KwsdError: told_of_kwsd,
                ValidationError: told_of_request,
                HTTPException: told_of_http,
            },
        )

    async def static(self, request: Request) -> Response:
        """A part of the page, out of memory."""
        found = self._static.get(request.path_params.get("name", "index.html"))
        if found is None:
            raise HTTPException(404, "there is no such page")
        return Response(found[0], media_type=found[1])

    async def events(self, _: Request) -> Response:
        """How things stand, then what happens: JSON lines without end."""
        pages = self._hub.page()
        first = await anext(pages)

        async def lines() -> AsyncIterator[bytes]:
            yield _line(first)
            try:
                async for told in pages:
                    yield _line(told)
            finally:
                await pages.aclose()

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def clip(self, request: Request) -> Response:
        """The sound of something heard."""
        wav = self._hub.clip(request.path_params["number"])
        if wav is None:
            raise HTTPException(404, "that sound is not kept any more")
        return Response(wav, media_type="audio/wav")

    async def saved(self, _: Request) -> Response:
        """Clips that the daemon saved."""
        return JSONResponse(await run_in_threadpool(self._saved.list))

    async def saved_sound(self, request: Request) -> Response:
        """The sound of one."""
        wav = await run_in_threadpool(self._saved.sound, request.path_params["number"])
        return Response(wav, media_type="audio/wav")

    async def judge(self, request: Request) -> Response:
        """Whether the keyword was said in it; or it is deleted."""
        asked = VerdictRequest.model_validate_json(await request.body())
        return JSONResponse(await run_in_threadpool(self._saved.judge, asked))

    async def mute(self, request: Request) -> Response:
        """The microphone is closed when the answer comes."""
        asked = MuteRequest.model_validate_json(await request.body())
        return JSONResponse(await self._hub.ask("mute" if asked.muted else "unmute"))

    async def reload(self, _: Request) -> Response:
        """Read the keyword file again."""
        return JSONResponse(await self._hub.ask("reload"))

    async def curves(self, _: Request) -> Response:
        """Recall and false alarms by threshold, as far as they were measured."""
        return JSONResponse({"curves": await run_in_threadpool(read_curves, self._curves)})

    async def threshold(self, request: Request) -> Response:
        """For as long as the keyword file stays as it is, or in it."""
        asked = ThresholdRequest.model_validate_json(await request.body())
        return JSONResponse(await self._hub.ask("set_threshold", **asked.model_dump(exclude_defaults=True)))

    async def keywords(self, _: Request) -> Response:
        """The keyword file."""
        return JSONResponse(await run_in_threadpool(self._keywords.read))

    async def check_keywords(self, request: Request) -> Response:
        """What would be heard of a text, line by line, and what is wrong with it."""
        asked = KeywordText.model_validate_json(await request.body())
        return JSONResponse({"lines": await run_in_threadpool(self._keywords.check, asked)})

    async def save_keywords(self, request: Request) -> Response:
        """Write the keyword file; then it is read again."""
        asked = KeywordText.model_validate_json(await request.body())
        digest = await run_in_threadpool(self._keywords.save, asked)
        return JSONResponse({"digest": digest, **await self._in_force()})

    async def begin_lesson(self, request: Request) -> Response:
        """Which keyword is to be learned."""
        asked = LessonRequest.model_validate_json(await request.body())
        return JSONResponse(await run_in_threadpool(self._teacher.begin, asked))

    async def take(self, request: Request) -> Response:
        """A take that the page recorded."""
        return JSONResponse(await run_in_threadpool(self._teacher.take, await request.body()))

    async def listen(self, _: Request) -> Response:
        """A take by the daemon's microphone."""
        return JSONResponse(await run_in_threadpool(self._teacher.listen))

    async def room(self, _: Request) -> Response:
        """How much background there is."""
        return JSONResponse(await run_in_threadpool(self._teacher.room.status))

    async def listen_to_room(self, request: Request) -> Response:
        """Gather more of it, or stop."""
        asked = RoomRequest.model_validate_json(await request.body())
        return JSONResponse(await run_in_threadpool(self._teacher.room.listen, asked))

    async def learn(self, _: Request) -> Response:
        """What the takes lead to."""
        return JSONResponse(await run_in_threadpool(self._teacher.learn))

    async def learning(self, _: Request) -> Response:
        """How far that is."""
        return JSONResponse({"share": self._teacher.share})

    async def keep(self, _: Request) -> Response:
        """Write what was learned; then the keyword file is read again."""
        await run_in_threadpool(self._teacher.keep)
        return JSONResponse(await self._in_force())

    async def _in_force(self) -> Told:
        """What the daemon makes of a keyword file that was written; `unread` is why it does not read it now."""
        try:
            return {**await self._hub.ask("reload"), "unread": None}
        except KwsdError as error:
            return {"keywords": [], "problems": [], "unread": str(error)}


def _line(told: Told) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


async def told_of_kwsd(_: Request, error: Exception) -> Response:
    """The daemon's complaint, or that there is none."""
    status = 503 if isinstance(error, TooManyPagesError) else 409
    return JSONResponse({"error": str(error)}, status)


async def told_of_request(_: Request, error: Exception) -> Response:
    """Which field is not what it has to be."""
    assert isinstance(error, ValidationError)  # noqa: S101 - as the table of handlers says
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = "".join(f"{part}: " for part in first["loc"])
    return JSONResponse({"error": f"{where}{first['msg']}"}, 422)


async def told_of_http(_: Request, error: Exception) -> Response:
    """There is no such thing, or it cannot be asked for so."""
    assert isinstance(error, HTTPException)  # noqa: S101 - likewise
    return JSONResponse({"error": error.detail}, error.status_code)
