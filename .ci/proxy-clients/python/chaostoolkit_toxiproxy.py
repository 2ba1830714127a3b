"""Each action and probe of chaostoolkit-toxiproxy against the proxy whose API is at the address in
the first argument. Where a proxy listens it must be told, since its default is all addresses."""
import sys

from chaostoxi.proxy import actions as proxies
from chaostoxi.proxy import probes
from chaostoxi.toxic import actions as toxics

import effects

host, port = sys.argv[1].rsplit(":", 1)
configuration = {"toxiproxy_host": host, "toxiproxy_port": port}
NAME = "chaos"
upstream_host, upstream_port = effects.service().rsplit(":", 1)

try:
    proxies.create_proxy(NAME, upstream_host, upstream_port, configuration=configuration)
    everywhere = True
except AssertionError:
    everywhere = False
# A Toxiproxy listens on all addresses, ours only if it is told that it may.
assert probes.proxy_exist(NAME, configuration=configuration) == everywhere
if everywhere:
    proxies.delete_proxy(NAME, configuration=configuration)
assert not probes.proxy_exist(NAME, configuration=configuration)
assert proxies.create_proxy(
    NAME, upstream_host, upstream_port, listen_host="127.0.0.1", configuration=configuration
)
assert probes.proxy_exist(NAME, configuration=configuration)
listen = probes.get_proxy_attribute(NAME, "listen", configuration=configuration)
assert listen.endswith(":" + configuration["chaos_PORT"])
effects.passes(listen)

TOXICS = [
    (toxics.create_latency_toxic, {"latency": 300}, lambda: effects.passes(listen, 0.3)),
    (toxics.create_bandwith_degradation_toxic, {"rate": 100}, lambda: effects.throttled(listen)),
    (toxics.create_slow_connection_close_toxic, {"delay": 300},
     lambda: effects.closes(listen, 0.3)),
    (toxics.create_timeout_toxic, {"timeout": 100}, lambda: effects.ends(listen, "closed", 0)),
    (toxics.create_slicer_toxic, {"average_size": 100, "size_variation": 10, "delay": 20000},
     lambda: effects.sliced(listen)),
    (toxics.create_limiter_toxic, {"bytes_limit": 42}, lambda: effects.ends(listen, "closed", 42)),
    (toxics.create_toxic,
     {"toxic_type": "reset_peer", "stream": "upstream", "attributes": {"timeout": 0}},
     lambda: effects.ends(listen, "reset", 0)),
    (toxics.create_toxic, {"toxic_type": "timeout", "toxicity": 0.0},
     lambda: effects.passes(listen)),
]
for create, arguments, check in TOXICS:
    assert create(for_proxy=NAME, toxic_name="it", configuration=configuration, **arguments)
    check()
    toxics.delete_toxic(for_proxy=NAME, toxic_name="it", configuration=configuration)
    effects.passes(listen)

assert proxies.disable_proxy(NAME, configuration=configuration)
assert probes.get_proxy_attribute(NAME, "enabled", configuration=configuration) is False
effects.ends(listen, "refused", 0)
assert proxies.enable_proxy(NAME, configuration=configuration)
effects.passes(listen)
assert proxies.modify_proxy(
    NAME, upstream_address=effects.service(), listen_address=listen, configuration=configuration
)
effects.passes(listen)
assert proxies.disable_proxy(NAME, configuration=configuration)
proxies.reset(configuration=configuration)
effects.passes(listen)
proxies.delete_proxy(NAME, configuration=configuration)
assert not probes.proxy_exist(NAME, configuration=configuration)
effects.ends(listen, "refused", 0)
print("chaostoolkit-toxiproxy: all calls and toxics")
