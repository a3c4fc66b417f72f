"""An OpenAI-compatible server with scripted moods, for tests.

Prints its port, then serves until it is killed. What a request gets follows from its prompt (or
last message): "echo TEXT" streams TEXT by words; the first words "busy", "broken" and "cut" fail
once with 429, 500 and a stream without end; "refuse" is a 400, "plain" an answer without stream.
The key must be "secret-key" where the model is "guarded"; "lost" is no model of this server; "slow" takes
its time for every word. GET: /file, /moved to it, /circle and /to_disk elsewhere, /cut before its end.
"""

import http.server
import json
import time

seen = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def event(self, body):
        data = body if isinstance(body, str) else json.dumps(body)
        self.wfile.write(f"data: {data}\r\n\r\n".encode())
        self.wfile.flush()

    def do_GET(self):
        moved = {"/moved": "/file", "/circle": "/circle", "/to_disk": "file:///etc/hostname"}
        if self.path == "/file":
            self.reply(200, {"file": 1})
        elif self.path in moved:
            self.reply(302, {}, [("Location", moved[self.path])])
        elif self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"as far as")
            self.close_connection = True
        else:
            self.reply(404, {"error": "no such file"})

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_chat = self.path == "/v1/chat/completions"
        prompt = request["messages"][-1]["content"] if is_chat else request["prompt"]
        if request["model"] == "lost":
            return self.reply(404, {"error": {"message": "no model 'lost'"}})
        if request["model"] == "guarded":
            key = self.headers.get("Authorization", "")
            if key != "Bearer secret-key":
                return self.reply(401, {"error": {"message": f"wrong key: {key}"}})
        mood = prompt.split()[0]
        is_first = prompt not in seen
        seen.add(prompt)
        if mood == "refuse":
            return self.reply(400, {"error": {"message": "prompt too long"}})
        if mood == "busy" and is_first:
            return self.reply(429, {"error": {"message": "slow down"}}, [("Retry-After", "0")])
        if mood == "broken" and is_first:
            return self.reply(500, {"error": {"message": "out of order"}})
        if mood == "always":
            return self.reply(503, {"error": {"message": "never up"}})
        words = prompt.split()[1:]
        usage = {"prompt_tokens": len(prompt), "completion_tokens": len(words)}
        if mood == "plain":
            return self.reply(200, {"choices": [{"text": " ".join(words), "finish_reason": "length"}], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b": a comment\n\n")
        for i, word in enumerate(words):
            if request["model"] == "slow":
                time.sleep(0.02)
            text = (" " if i else "") + word
            part = {"delta": {"content": text}} if is_chat else {"text": text}
            self.event({"choices": [dict(part, index=0, finish_reason=None)]})
            if mood == "cut" and is_first:
                return
        self.event({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
        self.event({"choices": [], "usage": usage, "options": request.get("stop")})
        self.event("[DONE]")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.handle_error = lambda *arguments: None  # who hangs up is no news
print(server.server_address[1], flush=True)
server.serve_forever()
