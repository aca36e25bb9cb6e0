"""Requests as fast as they are wanted, over connections that stay open."""

import multiprocessing
import socket
import threading
import time


def request(target, token):
    return f"GET {target} HTTP/1.1\r\nHost: rs.example\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


class Connection:
    """One connection; answers have a length and nothing after it"""

    def __init__(self, port):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, data):
        """The status of the answer"""
        self.stream.sendall(data)
        seen = b""
        while b"\r\n\r\n" not in seen:
            chunk = self.stream.recv(65536)
            if not chunk:
                raise ConnectionError("closed")
            seen += chunk
        head, body = seen.split(b"\r\n\r\n", 1)
        lower = head.lower()
        at = lower.find(b"content-length:")
        left = (int(lower[at + 15:].split(b"\r\n", 1)[0]) if at >= 0 else 0) - len(body)
        while left > 0:
            left -= len(self.stream.recv(left))
        return int(head[9:12])


def one(port, data, rate, seconds, counts):
    """Sends at a rate over one connection, late ones at once."""
    connection, begin, sent = Connection(port), time.monotonic(), 0
    with connection.stream:
        while (now := time.monotonic() - begin) < seconds:
            if sent > now * rate:
                time.sleep(sent / rate - now)
                continue
            status = connection.ask(data)
            counts[status] = counts.get(status, 0) + 1
            sent += 1


def several(port, data, rate, seconds, connections, results):
    counts = [{} for _ in range(connections)]
    threads = [threading.Thread(target=one, args=(port, data, rate / connections, seconds, count)) for count in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = {}
    for count in counts:
        for status, number in count.items():
            total[status] = total.get(status, 0) + number
    results.put(total)


def run(port, data, rate, seconds, processes=4, connections=4):
    """How many answers of which status there were"""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=several, args=(port, data, rate / processes, seconds, connections, results))
                for _ in range(processes)]
    for child in children:
        child.start()
    total = {}
    for _ in children:
        for status, number in results.get(timeout=seconds + 60).items():
            total[status] = total.get(status, 0) + number
    for child in children:
        child.join()
    return total


def latencies(port, data, count):
    """Seconds that each of so many requests took, one after the other, sorted"""
    connection, times = Connection(port), []
    with connection.stream:
        for _ in range(count):
            begin = time.perf_counter()
            status = connection.ask(data)
            times.append(time.perf_counter() - begin)
            assert status == 200, status
    return sorted(times)
