"""All outputs of one attempt: periodic copies, the last copy with its proof, what to report."""

from __future__ import annotations

import json
from collections.abc import Callable

from compute.runner.failures import Failure
from compute.runner.layout import Layout
from compute.runner.log import LogWriter
from compute.runner.outputs import (
    Holes,
    OutputSync,
    PeriodicSync,
    final_upload,
    load_records,
    save_records,
)
from compute.runner.spec import RunSpec
from compute.runner.state import UPLOADING, StateFile, is_full
from compute.runner.storage import Client
from compute.sandbox.spec import MIB

PACKAGE = "model/"  # the directory of a model package, below an output path
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)


class Uploads:
    """The declared outputs. `final` may be called once; a retry is a new process."""

    def __init__(self, spec: RunSpec, layout: Layout, file: StateFile, log: LogWriter) -> None:
        self._spec, self._layout, self._file, self._log = spec, layout, file, log
        limit = spec.limits.file_size_mb * MIB
        holes = Holes(spec.limits.disk_mb * MIB)
        self._syncs = [
            OutputSync(
                output,
                layout.output_dir(output.name),
                log,
                limit,
                root=layout.work,
                holes=holes,
            )
            for output in spec.outputs
        ]

    def load(self) -> None:
        """Remember what an earlier process has uploaded."""
        load_records(self._syncs, self._layout.uploads)

    def periodic(self) -> PeriodicSync:
        """The thread that copies during the run; not started yet."""
        spec = self._spec
        return PeriodicSync(
            self._syncs, lambda tick: Client(spec.api_url, spec.credential_file, tick), self._log
        )

    def final(self, tick: Callable[[], None], *, keep_going: bool) -> None:
        """The last copy. Raises Failure UPLOAD_FAILED unless `keep_going`: then it only warns,
        because the attempt has another reason already."""
        if not self._syncs:
            return
        state = self._file.state
        self._file.enter(UPLOADING, "uploading outputs")
        client = Client(self._spec.api_url, self._spec.credential_file, tick, PAUSES)
        try:
            final_upload(self._syncs, client)
        except Failure as failure:
            state.detail["failed_uploads"] = json.loads(failure.__notes__[0])
            if not keep_going:
                raise
            state.add("warnings", f"UPLOAD_FAILED: {failure}")
            self._log.note(str(failure))
        else:
            state.detail.pop("failed_uploads", None)
        finally:
            client.close()
            try:
                save_records(self._syncs, self._layout.uploads)
            except OSError as error:
                if not is_full(error):
                    raise
                self._log.note("no room to keep the list of uploads; a retry uploads all again")
            self._report()

    def _report(self) -> None:
        state = self._file.state
        for key in ("uploaded", "uploaded_count"):
            state.detail.pop(key, None)
        entries = []
        for sync in self._syncs:
            if not sync.records:
                self._log.note(f"output {sync.output.name} is empty: nothing was written to it")
                state.add("warnings", f"OUTPUT_EMPTY: {sync.output.name}")
            for relative, record in sync.records.items():
                entries.append(
                    {
                        "output": sync.output.name,
                        "path": relative,
                        "bucket": sync.output.bucket,
                        "key": sync.prefix + relative,
                        "size": record.fingerprint[1],
                        "sha256": record.sha256,
                    }
                )
        # A model is registered from this list, and the list is bounded: its files come first.
        entries.sort(key=lambda entry: not str(entry["path"]).startswith(PACKAGE))
        for entry in entries:
            state.add("uploaded", entry)
