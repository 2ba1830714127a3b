//! Each call and each toxic of `toxiproxy_rust` against the proxy whose API is at the address in the
//! first argument. It knows no `reset_peer` and does not look at the status of answers.

use std::{env, time::Duration};

use effects::{Ended, closes, ends, passes, service, talk};
use toxiproxy_rust::{client::Client, proxy::ProxyPack};

const NONE: Duration = Duration::ZERO;

fn main() {
    let address = env::args().nth(1).expect("the address of the API");
    let client = Client::new(&address);
    assert!(client.is_running());
    assert!(client.version().expect("a version").contains("\"2.12.0\""));

    let proxies = ["rust-a", "rust-b"];
    let pack = |name: &str| ProxyPack::new(name.into(), "127.0.0.1:0".into(), service());
    let made = client.populate(proxies.map(pack).into()).expect("proxies");
    assert_eq!(made.len(), 2);
    let all = client.all().expect("proxies");
    assert!(proxies.iter().all(|name| all.contains_key(*name)));
    assert!(client.find_proxy("nobody").is_err());

    let proxy = client.find_proxy("rust-a").expect("a proxy");
    let listen = proxy.proxy_pack.listen.as_str();
    passes(listen, NONE);
    for (stream, name) in [("upstream", "latency_upstream"), ("downstream", "latency_downstream")] {
        proxy
            .with_latency(stream.into(), 300, 0, 1.0)
            .apply(|| {
                assert_eq!(proxy.toxics().expect("toxics")[0].name, name);
                passes(listen, Duration::from_millis(300));
            })
            .expect("toxics are removed");
        assert_eq!(proxy.toxics().expect("toxics").len(), 0);
    }
    proxy
        .with_bandwidth("downstream".into(), 100, 1.0)
        .apply(|| {
            let heard = talk(listen, 50_000);
            assert!(heard.took >= Duration::from_millis(480), "{heard:?}");
        })
        .expect("toxics are removed");
    proxy
        .with_slow_close("downstream".into(), 300, 1.0)
        .apply(|| closes(listen, Duration::from_millis(300)))
        .expect("toxics are removed");
    proxy
        .with_timeout("upstream".into(), 100, 1.0)
        .apply(|| ends(listen, Ended::Closed, 0))
        .expect("toxics are removed");
    proxy
        .with_slicer("downstream".into(), 100, 10, 20_000, 1.0)
        .apply(|| {
            let heard = talk(listen, 1000);
            assert!(heard.ended == Ended::Complete && heard.reads > 2, "{heard:?}");
        })
        .expect("toxics are removed");
    proxy
        .with_limit_data("downstream".into(), 42, 1.0)
        .apply(|| ends(listen, Ended::Closed, 42))
        .expect("toxics are removed");
    proxy
        .with_limit_data("downstream".into(), 42, 0.0)
        .apply(|| passes(listen, NONE))
        .expect("toxics are removed");

    proxy.with_down(|| ends(listen, Ended::Refused, 0)).expect("it comes back");
    passes(listen, NONE);
    proxy.disable().expect("an answer");
    ends(listen, Ended::Refused, 0);
    proxy.enable().expect("an answer");
    passes(listen, NONE);

    proxy.disable().expect("an answer");
    proxy.with_timeout("upstream".into(), 100, 1.0);
    client.reset().expect("an answer");
    passes(listen, NONE);
    proxy.disable().expect("an answer");
    proxy.with_timeout("upstream".into(), 100, 1.0);
    client.find_and_reset_proxy("rust-a").expect("a proxy");
    passes(listen, NONE);
    for name in proxies {
        client.find_proxy(name).expect("a proxy").delete().expect("an answer");
    }
    assert!(!client.all().expect("proxies").contains_key("rust-a"));
    println!("toxiproxy_rust: all calls and toxics");
}
