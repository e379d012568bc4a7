"""A small HTTP service that keeps a record of 1,000 bytes for each request: python_service.py PORT leak|bounded. bounded: the newest 2,000."""
import collections
import http.server
import socketserver
import sys

kept = collections.deque(maxlen=2000 if sys.argv[2] == "bounded" else None)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        kept.append(bytearray(1000))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
