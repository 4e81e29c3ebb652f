"""Stand-in for the image registry: the part of the distribution API that announces and lists tags.

``PUT /v2/<name>/manifests/<tag>`` announces a tag, as the last request of a push does. Nothing is stored but the tag.
"""

import argparse
import hashlib
import json
import re
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
TAGS: defaultdict[str, list[str]] = defaultdict(list)


def manifest(name: str, tag: str) -> bytes:
    """Return an image manifest that is unlike every other tag's."""
    empty = "sha256:" + hashlib.sha256(b"{}").hexdigest()
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": empty, "size": 2}
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config,
        "layers": [],
        "annotations": {"org.opencontainers.image.ref.name": f"{name}:{tag}"},
    }
    return json.dumps(document).encode()


class Registry(BaseHTTPRequestHandler):
    """Answers version check, tag lists and manifests."""

    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: bytes = b"", content_type: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        """Answer a version check, a tag list or a manifest."""
        path = self.path.partition("?")[0]
        if path.rstrip("/") == "/v2":
            self._answer(200, b"{}")
        elif found := re.fullmatch(r"/v2/(.+)/tags/list", path):
            self._answer(200, json.dumps({"name": found[1], "tags": TAGS[found[1]]}).encode())
        elif (found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path)) and found[2] in TAGS[found[1]]:
            self._answer(200, manifest(found[1], found[2]), MANIFEST_TYPE)
        else:
            self._answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Announce a tag."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path):
            if found[2] not in TAGS[found[1]]:
                TAGS[found[1]].append(found[2])
            self._answer(201)
        else:
            self._answer(404)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for an image registry.")
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Registry).serve_forever()
