"""Each call and each toxic of toxiproxy-python against the proxy whose API is at the address in
the first argument."""
import sys

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

import effects


def raises(expected, call):
    try:
        call()
    except expected as error:
        return str(error)
    raise AssertionError("expected %s" % expected)


host, port = sys.argv[1].rsplit(":", 1)
server = Toxiproxy()
server.update_api_consumer(host, int(port))
assert server.running()
assert b'"2.12.0"' in server.version()

service = effects.service()
proxy = server.create(name="python-a", upstream=service)
listen = proxy.listen
raises(ProxyExists, lambda: server.create(name="python-a", upstream=service))
off = server.create(name="python-off", upstream=service, listen="127.0.0.1:1", enabled=False)
assert not off.enabled and not server.get_proxy("python-off").enabled
assert set(server.proxies()) >= {"python-a", "python-off"}
assert server.get_proxy("nobody") is None
effects.passes(listen)

TOXICS = [
    ("latency", "upstream", {"latency": 300}, lambda: effects.passes(listen, 0.3)),
    ("latency", "downstream", {"latency": 300, "jitter": 0}, lambda: effects.passes(listen, 0.3)),
    ("bandwidth", "downstream", {"rate": 100}, lambda: effects.throttled(listen)),
    ("slow_close", "downstream", {"delay": 300}, lambda: effects.closes(listen, 0.3)),
    ("timeout", "upstream", {"timeout": 100}, lambda: effects.ends(listen, "closed", 0)),
    ("reset_peer", "upstream", {"timeout": 0}, lambda: effects.ends(listen, "reset", 0)),
    ("slicer", "downstream", {"average_size": 100, "size_variation": 10, "delay": 20000},
     lambda: effects.sliced(listen)),
    ("limit_data", "downstream", {"bytes": 42}, lambda: effects.ends(listen, "closed", 42)),
]
for kind, stream, attributes, check in TOXICS:
    proxy.add_toxic(type=kind, stream=stream, attributes=attributes)
    name = "%s_%s" % (kind, stream)
    toxic = proxy.get_toxic(name)
    assert (toxic.type, toxic.stream, toxic.toxicity) == (kind, stream, 1.0)
    assert attributes.items() <= toxic.attributes.items()
    assert set(proxy.toxics()) == {name}
    said = raises(ProxyExists, lambda: proxy.add_toxic(type=kind, stream=stream))
    assert "toxic already exists" in said
    check()
    assert proxy.destroy_toxic(name)
    raises(NotFound, lambda: proxy.destroy_toxic(name))
    effects.passes(listen)
said = raises(InvalidToxic, lambda: proxy.add_toxic(type="rain"))
assert "invalid toxic type" in said, said
proxy.add_toxic(type="limit_data", attributes={"bytes": 42}, toxicity=0.0, name="spares")
effects.passes(listen)

with proxy.down():
    effects.ends(listen, "refused", 0)
effects.passes(listen)
proxy.disable()
effects.ends(listen, "refused", 0)
proxy.enable()
effects.passes(listen)
server.destroy(off)
proxy.disable()
assert server.reset()
effects.passes(listen)
assert proxy.toxics() == {}

made = server.populate([{"name": "python-b", "upstream": service, "listen": "127.0.0.1:0"}])
effects.passes(made[0].listen)
for one in (proxy, made[0]):
    assert server.destroy(one)
server.destroy_all()
assert server.proxies() == {}
print("toxiproxy-python: all calls and toxics")
