//! What the dependencies know: made up, and the same for the same product every time.

use crate::pb::{
    inventory::Stock,
    pricing::Price,
    recommendations::RecommendationList,
    reviews::{Review, ReviewSummary},
};

const WAREHOUSES: [&str; 4] = ["ams-1", "fra-2", "lis-1", "waw-3"];
const TITLES: [&str; 5] =
    ["Never again", "Not for me", "Does what it says", "Good value", "Would buy again"];

pub(super) fn stock(id: u64) -> Stock {
    let hash = mix(id);
    Stock { available: part(hash, 200), warehouse: pick(&WAREHOUSES, hash >> 32).to_owned() }
}

pub(super) fn price(id: u64) -> Price {
    Price { currency: "EUR".to_owned(), amount_minor: 99 + mix(id) % 99_900 }
}

pub(super) fn reviews(id: u64) -> ReviewSummary {
    let latest: Vec<_> = (0..3).map(|nth| review(mix(id ^ (nth << 56)))).collect();
    let stars: u32 = latest.iter().map(|review| review.stars).sum();
    ReviewSummary { count: 3 + part(mix(id), 500), rating: f64::from(stars) / 3.0, latest }
}

pub(super) fn recommendations(id: u64, products: u64) -> RecommendationList {
    let product_ids = (1..=5).map(|nth| 1 + mix(id ^ (nth << 48)) % products.max(1)).collect();
    RecommendationList { product_ids }
}

fn review(hash: u64) -> Review {
    let stars = 1 + part(hash, 5);
    Review { stars, title: pick(&TITLES, u64::from(stars) - 1).to_owned() }
}

fn pick<'a>(from: &[&'a str], index: u64) -> &'a str {
    // The remainder is below a length, so it fits.
    from[(index % from.len() as u64) as usize]
}

fn part(hash: u64, bound: u32) -> u32 {
    // The remainder is below a `u32`, so it fits.
    (hash % u64::from(bound)) as u32
}

/// SplitMix64's finalizer: neighbouring products look nothing alike.
fn mix(id: u64) -> u64 {
    let mut hash = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
