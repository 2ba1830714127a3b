"""What toxics do to the bytes between a client and a service that echoes, both of this process."""
import socket
import threading
import time

PATIENCE = 20


def service():
    """Starts a service that echoes, which ends with the process. Its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo(client):
        try:
            while data := client.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        client.close()

    def serve():
        while True:
            threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def connect(listen):
    host, port = listen.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def talk(listen, count):
    """Sends bytes and reads them back: how it ended, how many there were, in how many reads and
    how many seconds."""
    begin, found, reads, ended = time.monotonic(), b"", 0, "complete"
    sent = bytes(at % 251 for at in range(count))
    try:
        with connect(listen) as client:
            client.sendall(sent)
            while len(found) < count:
                data = client.recv(65536)
                if not data:
                    ended = "closed"
                    break
                found, reads = found + data, reads + 1
    except ConnectionRefusedError:
        ended = "refused"
    except ConnectionResetError:
        ended = "reset"
    assert sent.startswith(found)
    return ended, len(found), reads, time.monotonic() - begin


def passes(listen, least=0.0):
    ended, _, _, took = talk(listen, 10)
    assert ended == "complete" and took >= least, (ended, took)


def ends(listen, how, count):
    ended, found, _, _ = talk(listen, 100)
    assert (ended, found) == (how, count), (ended, found)


def throttled(listen):
    ended, _, _, took = talk(listen, 50_000)
    assert ended == "complete" and took >= 0.48, (ended, took)


def sliced(listen):
    ended, _, reads, _ = talk(listen, 1000)
    assert ended == "complete" and reads > 2, (ended, reads)


def closes(listen, least):
    with connect(listen) as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        begin = time.monotonic()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
        took = time.monotonic() - begin
        assert took >= least, took
