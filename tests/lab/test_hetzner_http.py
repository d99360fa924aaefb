"""The emulated API over HTTP: connections, headers, many clients, and nothing left behind."""

import gc
import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet.lab.hetzner import HetznerApi, NoHypervisor, Serving
from fleet.lab.hetzner.serving import CLOSE_SECONDS
from tests.lab.hetzner_lab import TOKEN, Clock, order, served


def connect(serving: Serving) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(serving.url).netloc, timeout=10)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Authorization": f"Bearer {TOKEN}"})
    response = connection.getresponse()
    raw = response.read()
    return response.status, json.loads(raw) if raw else None


def test_one_connection_serves_many_requests() -> None:
    with served() as (_, serving):
        connection = connect(serving)
        assert ask(connection, "GET", "/v1/servers")[0] == 200
        first = connection.sock
        assert ask(connection, "POST", "/v1/servers", order())[0] == 201
        assert ask(connection, "POST", "/v1/servers", order())[0] == 409
        assert ask(connection, "GET", "/v1/nothing")[0] == 404
        status, made = ask(connection, "POST", "/v1/firewalls", {"name": "fw"})
        assert status == 201
        assert ask(connection, "DELETE", f"/v1/firewalls/{made['firewall']['id']}") == (204, None)
        assert ask(connection, "GET", "/v1/servers")[0] == 200
        assert connection.sock is first
        connection.close()


def test_the_date_is_the_clocks() -> None:
    with served(clock=Clock()) as (_, serving):
        connection = connect(serving)
        connection.request("GET", "/v1/servers")
        response = connection.getresponse()
        response.read()
        assert response.headers["Date"] == "Mon, 23 Nov 2026 12:00:00 GMT"
        assert response.headers["RateLimit-Remaining"] == "3599"
        connection.close()


def test_a_body_that_is_no_json_is_refused() -> None:
    with served() as (_, serving):
        connection = connect(serving)
        connection.request("POST", "/v1/servers", "{", {"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["error"]["code"]) == (400, "json_error")
        connection.close()


@pytest.mark.parametrize("length", ["many", "-1"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with served() as (_, serving):
        connection = connect(serving)
        connection.request("POST", "/v1/servers", headers={"Content-Length": length})
        assert connection.getresponse().status == 400
        connection.close()


def test_twenty_clients_at_once_get_twenty_servers_of_one_name_each() -> None:
    with served() as (api, serving):

        def client(number: int) -> list[int]:
            connection = connect(serving)
            statuses = [
                ask(connection, "POST", "/v1/servers", order(f"s{number % 10}"))[0],
                *(ask(connection, "GET", "/v1/servers?per_page=50")[0] for _ in range(5)),
            ]
            connection.close()
            return statuses

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(client, range(20)))
        assert Counter(statuses[0] for statuses in answers) == {201: 10, 409: 10}
        assert {status for statuses in answers for status in statuses[1:]} == {200}
        assert len(api.requests()) == 120


def test_the_log_counts_calls_and_forgets_them() -> None:
    with served() as (_, serving):
        connection = connect(serving)
        ask(connection, "GET", "/v1/servers?page=1")
        ask(connection, "GET", "/v1/nothing")
        assert ask(connection, "GET", "/_lab/log")[1]["requests"] == [
            {"method": "GET", "path": "/v1/servers?page=1", "status": 200},
            {"method": "GET", "path": "/v1/nothing", "status": 404},
        ]
        assert ask(connection, "DELETE", "/_lab/log")[0] == 204
        assert ask(connection, "GET", "/_lab/log")[1]["requests"] == []
        connection.close()


def test_closing_ends_idle_connections_and_threads_and_frees_the_port() -> None:
    before = set(threading.enumerate())
    api = HetznerApi(NoHypervisor(), token=TOKEN)
    serving = api.serve()
    port = urlsplit(serving.url).port
    assert port is not None
    connection = connect(serving)
    ask(connection, "GET", "/v1/servers")
    assert connection.sock is not None
    serving.close()
    assert connection.sock.recv(1) == b""
    connection.close()
    gc.collect()
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()
    with api.serve(port=port) as again:
        assert again.url == serving.url


def test_closing_does_not_wait_for_a_slow_answer() -> None:
    api = HetznerApi(NoHypervisor(), token=TOKEN)
    api.faults.order("slow", seconds=1000.0, times=1)
    serving = api.serve()
    connection = connect(serving)
    connection.request("GET", "/v1/servers", headers={"Authorization": f"Bearer {TOKEN}"})
    while api.faults.as_json():
        time.sleep(0.001)  # until the answer is being slow
    began = time.monotonic()
    serving.close()
    assert time.monotonic() - began < CLOSE_SECONDS / 2
    connection.close()
