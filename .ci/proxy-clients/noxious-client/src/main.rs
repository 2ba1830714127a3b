//! Each call and each toxic of `noxious-client` against the proxy whose API is at the address in the
//! first argument. It knows no `reset_peer`, calls the direction of a new toxic by a name that
//! Toxiproxy does not know, so that all are downstream, and expects another answer to `populate` and
//! other attributes of `noop`.

use std::{env, time::Duration};

use effects::{Ended, closes, ends, passes, service, talk};
use noxious_client::{Client, Proxy, ProxyConfig, StreamDirection, Toxic, ToxicKind};

const NONE: Duration = Duration::ZERO;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let address = env::args().nth(1).expect("the address of the API");
    let client = Client::new(&address);

    let proxy = client.create_proxy("noxious-a", "127.0.0.1:0", &service()).await;
    let mut proxy = proxy.expect("a proxy");
    let again = client.create_proxy("noxious-a", "127.0.0.1:0", "127.0.0.1:9").await;
    let again = again.expect_err("it exists").to_string();
    assert_eq!(again, "API error: 409: proxy already exists");
    let nobody = client.proxy("nobody").await.expect_err("nobody").to_string();
    assert_eq!(nobody, "API error: 404: proxy not found");
    let listen = client.proxy("noxious-a").await.expect("a proxy").config.listen;
    // It keeps what it has asked for, and would have the proxy move to another free port.
    proxy.config.listen.clone_from(&listen);
    passes(&listen, NONE);
    toxics(&client, &proxy, &listen).await;

    proxy.disable().await.expect("an answer");
    assert!(!proxy.is_enabled());
    ends(&listen, Ended::Refused, 0);
    proxy.enable().await.expect("an answer");
    assert!(proxy.is_enabled());
    passes(&listen, NONE);
    proxy.config.upstream = service();
    proxy.save().await.expect("an answer");
    passes(&listen, NONE);
    proxy.disable().await.expect("an answer");
    client.reset_state().await.expect("an answer");
    passes(&listen, NONE);

    let config = ProxyConfig {
        name: "noxious-b".to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: service(),
        enabled: true,
        rand_seed: None,
    };
    // The answer of Toxiproxy is an object with a list.
    client.populate(&[config]).await.expect_err("an object");
    let mut populated = client.proxies().await.expect("proxies").remove("noxious-b");
    let populated = populated.take().expect("a proxy");
    passes(&populated.config.listen, NONE);
    populated.delete().await.expect("an answer");
    // A name cannot be changed, which is no error.
    proxy.change_name("noxious-c").await.expect("an answer");
    client.proxy("noxious-c").await.expect_err("nobody");
    client.proxy("noxious-a").await.expect("a proxy").delete().await.expect("an answer");
    println!("noxious-client: all calls and toxics");
}

async fn toxics(client: &Client, proxy: &Proxy, listen: &str) {
    let toxic = |kind| Toxic {
        kind,
        name: "it".to_owned(),
        toxicity: 1.0,
        direction: StreamDirection::Downstream,
    };
    // It is there, but the client expects that it has no attributes, rather than an empty object.
    proxy.add_toxic(&toxic(ToxicKind::Noop)).await.expect_err("an object");
    passes(listen, NONE);
    proxy.remove_toxic("it").await.expect("an answer");
    let kinds = [
        ToxicKind::Latency { latency: 300, jitter: 0 },
        ToxicKind::Bandwidth { rate: 100 },
        ToxicKind::SlowClose { delay: 300 },
        ToxicKind::Timeout { timeout: 100 },
        ToxicKind::Slicer { average_size: 100, size_variation: 10, delay: 20_000 },
        ToxicKind::LimitData { bytes: 42 },
    ];
    for kind in kinds {
        let added = proxy.add_toxic(&toxic(kind)).await.expect("a toxic");
        assert_eq!(added.kind, kind);
        let again = proxy.add_toxic(&toxic(kind)).await.expect_err("it exists").to_string();
        assert_eq!(again, "API error: 409: toxic already exists");
        assert_eq!(proxy.toxics().await.expect("toxics").len(), 1);
        match kind {
            ToxicKind::Latency { .. } => passes(listen, Duration::from_millis(300)),
            ToxicKind::Bandwidth { .. } => {
                let heard = talk(listen, 50_000);
                assert!(heard.took >= Duration::from_millis(480), "{heard:?}");
            }
            ToxicKind::SlowClose { .. } => closes(listen, Duration::from_millis(300)),
            ToxicKind::Timeout { .. } => ends(listen, Ended::Closed, 0),
            ToxicKind::Slicer { .. } => {
                let heard = talk(listen, 1000);
                assert!(heard.ended == Ended::Complete && heard.reads > 2, "{heard:?}");
            }
            ToxicKind::LimitData { .. } => ends(listen, Ended::Closed, 42),
            _ => passes(listen, NONE),
        }
        let changed = proxy.update_toxic("it", 0.0, kind, StreamDirection::Downstream).await;
        assert_eq!(changed.expect("a toxic").toxicity, 0.0);
        passes(listen, NONE);
        proxy.remove_toxic("it").await.expect("an answer");
        let gone = proxy.remove_toxic("it").await.expect_err("it is gone").to_string();
        assert_eq!(gone, "API error: 404: toxic not found");
    }
    let upstream = Toxic { direction: StreamDirection::Upstream, ..toxic(kinds[0]) };
    let added = proxy.add_toxic(&upstream).await.expect("a toxic");
    assert_eq!(added.direction, StreamDirection::Downstream);
    client.reset_state().await.expect("an answer");
    assert_eq!(proxy.toxics().await.expect("toxics").len(), 0);
}
