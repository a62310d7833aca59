"""The ASGI application: GET /health, and predictions on the urls that config.json declares."""

from __future__ import annotations

import asyncio
import re
import sys
import traceback
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers

from .answer import send_json, words
from .body import RequestError, parse, read
from .predict import InputRejected, Predictor
from .status import Progress, describe, sentence

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class App:
    """Serves one model; predictions run in ``concurrency`` threads, ``backlog`` may wait."""

    def __init__(
        self,
        progress: Progress,
        *,
        model_dir: Path,
        max_body: int,
        timeout: float,
        concurrency: int,
        backlog: int,
    ) -> None:
        self._progress = progress
        self._model_dir = model_dir
        self._max_body = max_body
        self._timeout = timeout
        self._concurrency = concurrency
        self._backlog = backlog
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="predict")
        self._active = 0
        self._overdue = 0
        self._predictor: Predictor | None = None
        self._routes: dict[str, set[str]] = {"/": {"POST"}}

    def ready(self, predictor: Predictor, config: dict[str, Any]) -> None:
        """Start answering; called once by the loading thread."""
        for api in config.get("apis") or []:
            if isinstance(api, dict):
                url = str(api.get("url", "/"))
                self._routes.setdefault(url, set()).add(str(api.get("method", "POST")).upper())
        self._predictor = predictor

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI entry; only HTTP arrives, the server runs without lifespan and websockets."""
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        if scope["path"] == "/health" and scope["method"] in ("GET", "HEAD"):
            status, body = self._health()
            await self._send(send, status, body, request_id)
            return
        try:
            body = await self._predict(scope, headers, receive, request_id)
            await self._send(send, 200, body, request_id)
        except RequestError as error:
            await self._send(
                send,
                error.status,
                words(
                    {
                        "error_code": error.code,
                        "error_msg": error.message,
                        "request_id": request_id,
                    }
                ),
                request_id,
                # The rest of an unread body would be taken for the next request.
                close=error.status == 413,
            )

    def _health(self) -> tuple[int, bytes]:
        stage = self._progress.stage
        if stage == "ready" and self._overdue >= self._concurrency:
            stage = "stuck"
        return (200 if stage == "ready" else 503), words(
            {"stage": stage, "active": self._active, "overdue": self._overdue}
        )

    async def _predict(
        self, scope: dict[str, Any], headers: Headers, receive: Any, request_id: str
    ) -> bytes:
        methods = self._routes.get(scope["path"])
        if methods is None:
            paths = ", ".join(sorted(self._routes))
            raise RequestError(404, "NO_SUCH_PATH", f"This model answers on {paths} only.")
        if scope["method"] not in methods:
            raise RequestError(405, "METHOD", f"Use {' or '.join(sorted(methods))}.")
        predictor = self._predictor
        if predictor is None:
            raise RequestError(
                503, "MODEL_LOADING", f"The model is still loading ({self._progress.stage})."
            )
        if self._active >= self._concurrency + self._backlog:
            raise RequestError(
                503,
                "BUSY",
                f"{self._active} predictions are running or waiting; try again in a moment.",
            )
        self._active += 1
        try:
            body = await read(headers, receive, self._max_body)
            data, text = await parse(headers, body)
        except BaseException:
            self._active -= 1
            raise
        job = self._pool.submit(predictor, data, text)
        # From here on the slot is held until the thread is done, however the caller fares.
        loop = asyncio.get_running_loop()
        overdue = [False]
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release, overdue))
        return await self._answer(job, request_id, overdue)

    def _release(self, overdue: list[bool]) -> None:
        self._active -= 1
        if overdue[0]:
            self._overdue -= 1

    async def _answer(self, job: Future[bytes], request_id: str, overdue: list[bool]) -> bytes:
        future = asyncio.wrap_future(job)
        done, _ = await asyncio.wait({future}, timeout=self._timeout)
        if not done:
            if job.cancel():
                raise RequestError(
                    503, "BUSY", f"No worker was free for {self._timeout:g} s; try again later."
                )
            # A thread cannot be stopped: its slot stays taken and /health turns to `stuck` when
            # every slot is.
            overdue[0] = True
            self._overdue += 1
            future.add_done_callback(lambda one: one.cancelled() or one.exception())
            self._log(request_id, f"no answer after {self._timeout:g} s")
            raise RequestError(
                504,
                "PREDICT_TIMEOUT",
                f"The model did not answer within {self._timeout:g} s, the limit of a "
                "synchronous prediction.",
            )
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, InputRejected) and error.__cause__ is not None:
            raise RequestError(
                400, "INPUT_REJECTED", f"The model refused the input: {error.__cause__}"
            ) from error
        self._log(request_id, "".join(traceback.format_exception(error)))
        raise RequestError(
            500,
            "INFERENCE_FAILED",
            f"The inference code failed: {sentence(describe(error, self._model_dir))}",
        ) from error

    def _log(self, request_id: str, text: str) -> None:
        sys.stderr.write(f"request {request_id}: {text.rstrip()}\n")
        sys.stderr.flush()

    async def _send(
        self, send: Any, status: int, body: bytes, request_id: str, *, close: bool = False
    ) -> None:
        draining = self._progress.stage == "draining"
        await send_json(send, status, body, request_id, close=close or draining)
