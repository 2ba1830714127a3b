//! Which connections a toxicity meets is drawn from the seed.

use squall_proxy::{Attributes, Direction::Downstream, Latency, LimitData, NewToxic, Options};
use tokio::io::AsyncWriteExt;

use crate::support::{Line, Tested, rest};

const CONNECTIONS: usize = 80;

/// Which of the connections are met by a toxic with a toxicity of a half.
async fn met(seed: Option<u64>, before: bool) -> Vec<bool> {
    let mut options = Options::default();
    options.seed = seed;
    let line = Line::of(Tested::ours(options).await, "chance").await;
    if before {
        let other = Attributes::Latency(Latency { latency: 1, jitter: 1 });
        line.add("other", other, Downstream).await;
    }
    let limit = Attributes::LimitData(LimitData { bytes: 1 });
    let limit = NewToxic::new(limit, Downstream).named("limit").toxicity(0.5);
    line.tested.client.add_toxic("chance", &limit).await.expect("a toxic");
    let mut met = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut client, mut service) = line.connect().await;
        service.write_all(b"ab").await.expect("bytes");
        service.shutdown().await.expect("an end");
        met.push(rest(&mut client).await.0 == b"a");
    }
    line.close().await;
    met
}

#[tokio::test]
async fn the_same_seed_meets_the_same_connections_whatever_else_there_is() {
    let first = met(Some(1), false).await;
    assert_eq!(first, met(Some(1), true).await);
    assert_ne!(first, met(Some(2), false).await);
    let count = first.iter().filter(|met| **met).count();
    // Six standard deviations of a binomial distribution.
    assert!((14..=66).contains(&count), "{count} of {CONNECTIONS}");
}

#[tokio::test]
async fn without_a_seed_each_server_meets_others() {
    assert_ne!(met(None, false).await, met(None, false).await);
}
