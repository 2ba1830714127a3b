//! The catalog: pages in order, within the bounds asked for, and errors where they are due.

use reference_services::{
    catalog::{self, Config},
    dependency::Latency,
    pb::catalog::{GetItemRequest, Item, ListItemsRequest, Page, catalog_client::CatalogClient},
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

async fn client(tune: impl FnOnce(&mut Config)) -> CatalogClient<Channel> {
    let mut config = Config::default();
    config.listen = "127.0.0.1:0".to_owned();
    config.items = 25;
    config.page_size = 10;
    config.latency = Latency::Constant { ms: 0.0 };
    tune(&mut config);
    let bound = catalog::bind(config).await.expect("a free port");
    let address = bound.local_addr();
    tokio::spawn(bound.serve_until(std::future::pending()));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
    CatalogClient::new(endpoint.connect_lazy())
}

async fn pages(
    client: &mut CatalogClient<Channel>,
    (first_id, ids, page_size): (u64, u64, u32),
) -> Vec<Vec<u64>> {
    let request = ListItemsRequest { first_id, ids, page_size };
    let mut pages = client.list_items(request).await.expect("a stream").into_inner();
    let mut seen = Vec::new();
    while let Some(Page { items }) = pages.message().await.expect("a page") {
        seen.push(items.iter().map(|item: &Item| item.id).collect());
    }
    seen
}

#[tokio::test]
async fn a_range_comes_page_by_page() {
    let mut client = client(|_| ()).await;
    let expected: Vec<Vec<u64>> = vec![(3..13).collect(), (13..18).collect()];
    assert_eq!(pages(&mut client, (3, 15, 0)).await, expected);
    assert_eq!(pages(&mut client, (24, 100, 1)).await, [[24], [25]]);
    assert_eq!(pages(&mut client, (0, 2, u32::MAX)).await, [[1]]);
    for nothing in [(26, 5, 0), (1, 0, 0), (u64::MAX, u64::MAX, 0)] {
        assert!(pages(&mut client, nothing).await.is_empty(), "{nothing:?}");
    }
}

#[tokio::test]
async fn a_single_item_is_the_one_of_the_pages() {
    let mut client = client(|_| ()).await;
    let single = client.get_item(GetItemRequest { id: 7 }).await.expect("it exists").into_inner();
    let request = ListItemsRequest { first_id: 7, ids: 1, page_size: 1 };
    let mut pages = client.list_items(request).await.expect("a stream").into_inner();
    assert_eq!(pages.message().await.expect("a page").expect("a page").items, [single]);
    for unknown in [0, 26, u64::MAX] {
        let status = client.get_item(GetItemRequest { id: unknown }).await.expect_err("unknown");
        assert_eq!(status.code(), Code::NotFound, "{unknown}");
    }
}

#[tokio::test]
async fn planned_failures_end_a_stream() {
    let mut client = client(|config| config.fail_first = 1).await;
    let request = ListItemsRequest { first_id: 1, ids: 5, page_size: 0 };
    let mut stream = client.list_items(request).await.expect("a stream").into_inner();
    assert_eq!(stream.message().await.expect_err("the first page").code(), Code::Unavailable);
    assert_eq!(pages(&mut client, (1, 5, 0)).await.len(), 1);
}
