"""The gateway's API on loopback: API Gateway's part in small, ours as it is, model server too."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from fakes.page_server import Cloud
from fakes.prediction_log import MemoryPredictionLog
from fakes.registry import MemoryRegistry
from servery.adapters.kept_deployments import KeptDeployments
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.deployment import Server
from servery.domain.manifest import ModelRef, Runtime
from servery.edge.api import Api
from servery.edge.cors import Cors
from servery.edge.gateway import GatewayApi
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.edge.telemetry import Telemetry
from servery.usecases.gateway import Gateway
from servery.usecases.monitoring import Recorder
from servery.usecases.predictor import Pin, Shelf
from servery.wiring.settings import SystemClock

KEY = "key-of-the-test"


class LocalModelServers:
    """Calls a model server in this process, with the bytes that Lambda would carry."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        shelf = Shelf(
            ModelLoader(self, load_runtime, Codec).load, Pin("iris", Runtime.ONNX), SystemClock()
        )
        self._server = ModelServer(lambda: shelf)

    def read(self, ref: ModelRef, filename: str) -> bytes:
        """It is its own `ArtifactSource`."""
        return self._cloud.objects.get(f"{ref.prefix}/{filename}")

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        return msgspec.json.encode(self._server.handle(msgspec.json.decode(payload)))


class GatewayServer:
    """An API on a free port of 127.0.0.1, to be called as `localhost`: another origin.

    Args:
        cloud: Whose champion answers.
        allowed: Origins that may call.

    Attributes:
        seen: Method, path and origin of every request.
    """

    def __init__(self, cloud: Cloud, allowed: str) -> None:
        registry = MemoryRegistry()
        registry.put_deployment(msgspec.structs.replace(cloud.deployment, revision=1))
        clock = SystemClock()
        gateway = Gateway(KeptDeployments(registry, clock), LocalModelServers(cloud), clock)
        routes = GatewayApi(gateway, Recorder(MemoryPredictionLog(), clock))
        self.api = Api(
            "gateway", routes.calls(), cors=Cors(allowed), telemetry=Telemetry("gateway")
        )
        self.seen: list[tuple[str, str, str]] = []
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": self})
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def methods(self) -> list[str]:
        return [method for method, _, _ in self.seen]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    gateway: GatewayServer
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.gateway.seen.append((self.command, self.path, self.headers.get("Origin", "")))
        if self.command != "OPTIONS" and self.headers.get("x-api-key") != KEY:
            # As API Gateway refuses it: before the function, and without any header of CORS.
            self._send(403, {"content-type": "application/json"}, '{"title": "Forbidden"}')
            return
        event: dict[str, Any] = {
            "httpMethod": self.command,
            "path": self.path,
            "headers": dict(self.headers),
            "requestContext": {"requestId": f"local-{len(self.gateway.seen)}"},
            "body": body,
        }
        response = self.gateway.api.serve(event)
        self._send(response["statusCode"], response["headers"], response["body"])

    do_GET = do_POST = do_OPTIONS = _serve  # noqa: N815 - the names that http.server calls

    def _send(self, status: int, headers: dict[str, str], body: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass
