"""Stand-in for the place that alerts go to: keeps every POST body, and returns them all as one JSON list."""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RECEIVED: list[object] = []


class Alerts(BaseHTTPRequestHandler):
    """Takes alerts by POST and shows them by GET."""

    def do_POST(self) -> None:
        """Keep one alert."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        try:
            RECEIVED.append(json.loads(body))
        except ValueError:
            RECEIVED.append(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """Show what was received."""
        body = json.dumps(RECEIVED).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Stand-in for an alert receiver.")
    parser.add_argument("--port", type=int, required=True)
    ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Alerts).serve_forever()
