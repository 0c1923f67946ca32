"""The real YAML language server of editors, spoken to over stdio as an editor does (LSP 3.17).

It is an npm package for development only. With node and npm at hand it is installed once into a cache folder outside
of the project; SOJOURN_YAML_LANGUAGE_SERVER names one that is there already, and without any of them tests are skipped.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

PACKAGE = "yaml-language-server@2.0.0"
SETTING = "SOJOURN_YAML_LANGUAGE_SERVER"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sojourn-tests" / PACKAGE.replace("@", "-")
PATIENCE = 60  # seconds for one answer


class NoServer(Exception):
    """There is none, and the message says how to get one."""


def command() -> list[str]:
    """Return the words that start the server; installs it when it is not there."""
    node = shutil.which("node")
    if node is None:
        raise NoServer(f"node is not installed; with node and npm this test installs {PACKAGE} itself")
    told = os.environ.get(SETTING)
    if told:
        return [node, told, "--stdio"]
    found = CACHE / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    if not found.is_file():
        _install()
    return [node, str(found), "--stdio"]


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoServer(f"npm is not installed; run `npm install --prefix {CACHE} {PACKAGE}`, or set {SETTING}")
    CACHE.mkdir(parents=True, exist_ok=True)
    words = [npm, "install", "--prefix", str(CACHE), "--no-audit", "--no-fund", "--fetch-retries=0", PACKAGE]
    try:
        subprocess.run(words, check=True, capture_output=True, timeout=180)
    except (subprocess.SubprocessError, OSError) as error:
        raise NoServer(f"`{' '.join(words[1:])}` failed ({error}); run it by hand, or set {SETTING}") from None


class LanguageServer:
    """One server at work on one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.child = subprocess.Popen(
            command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
        self.heard: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.kept: list[dict[str, Any]] = []
        self.number = 0
        threading.Thread(target=self._listen, daemon=True).start()
        self._begin()

    def close(self) -> None:
        self.child.kill()
        self.child.communicate()

    def open(self, file: str, text: str) -> None:
        document = {"uri": self._uri(file), "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def diagnostics(self, file: str) -> list[dict[str, Any]]:
        """Return what the server finds wrong in an open file."""
        found = self._until(
            lambda m: m.get("method") == "textDocument/publishDiagnostics" and m["params"]["uri"] == self._uri(file)
        )
        return found["params"]["diagnostics"]

    def completion(self, file: str, line: int, character: int) -> list[str]:
        """Return the words that are offered at a place (lines and characters from 0)."""
        found = self._ask("textDocument/completion", self._at(file, line, character))
        items = found["items"] if isinstance(found, dict) else found or []
        return [item["label"] for item in items]

    def hover(self, file: str, line: int, character: int) -> str:
        found = self._ask("textDocument/hover", self._at(file, line, character))
        return "" if not found else found["contents"]["value"]

    def _begin(self) -> None:
        document = {"completion": {"completionItem": {"snippetSupport": True}}, "publishDiagnostics": {}, "hover": {}}
        can = {"workspace": {"configuration": True}, "textDocument": document}
        self._ask("initialize", {"processId": None, "rootUri": self.root.as_uri(), "capabilities": can})
        self._tell("initialized", {})

    def _uri(self, file: str) -> str:
        return (self.root / file).as_uri()

    def _at(self, file: str, line: int, character: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self._uri(file)}, "position": {"line": line, "character": character}}

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self.number += 1
        number = self.number
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        found = self._until(lambda m: m.get("id") == number and "method" not in m)
        assert "error" not in found, found
        return found["result"]

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self.child.stdin is not None
        self.child.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.child.stdin.flush()

    def _until(self, wanted: Any) -> dict[str, Any]:
        """Return the first message that is wanted; answer what the server asks meanwhile."""
        for at, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(at)
        while True:
            message = self.heard.get(timeout=PATIENCE)
            assert message is not None, "the server ended"
            if wanted(message):
                return message
            if "id" in message and "method" in message:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": self._answer(message)})
            else:
                self.kept.append(message)

    def _answer(self, message: dict[str, Any]) -> Any:
        if message["method"] != "workspace/configuration":
            return None
        ours = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
        return [ours if item.get("section") == "yaml" else {} for item in message["params"]["items"]]

    def _listen(self) -> None:
        stream = self.child.stdout
        assert stream is not None
        while True:
            length = 0
            while (line := stream.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not line:
                self.heard.put(None)
                return
            self.heard.put(json.loads(stream.read(length)))
