//! What the dependencies know: made up, the same for the same product every time, and such that
//! somebody who knows the product's number can tell what is right.

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
    let warehouse = pick(&WAREHOUSES, hash >> 32).to_owned();
    Stock { available: part(hash, 200), warehouse, product_id: id }
}

/// So many units and 99 hundredths as the product's number says: whoever asks for product 7 knows
/// that 7.99 is right.
pub(super) fn price(id: u64) -> Price {
    let amount_minor = id.saturating_mul(100).saturating_add(99);
    Price { currency: "EUR".to_owned(), amount_minor, product_id: id }
}

pub(super) fn reviews(id: u64) -> ReviewSummary {
    let latest: Vec<_> = (1..=3).map(|nth| review(id, nth)).collect();
    let stars: u32 = latest.iter().map(|review| review.stars).sum();
    let rating = f64::from(stars) / 3.0;
    ReviewSummary { count: 3 + part(mix(id), 500), rating, latest, product_id: id }
}

/// Products 71 to 75 for product 7, as long as there are so many.
pub(super) fn recommendations(id: u64, products: u64) -> RecommendationList {
    let product_ids = (1..=5).map(|nth| 1 + (numbered(id, nth) - 1) % products.max(1)).collect();
    RecommendationList { product_ids, product_id: id }
}

fn review(id: u64, nth: u64) -> Review {
    let id = numbered(id, nth);
    let stars = 1 + part(mix(id), 5);
    Review { stars, title: pick(&TITLES, u64::from(stars) - 1).to_owned(), id }
}

/// The digits of `id`, and `nth` as a last one.
fn numbered(id: u64, nth: u64) -> u64 {
    id.saturating_mul(10).saturating_add(nth)
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

#[cfg(test)]
mod tests {
    use super::{price, recommendations, reviews, stock};

    #[test]
    fn what_is_known_of_a_product_follows_from_its_number() {
        assert_eq!(stock(7).product_id, 7);
        assert_eq!((price(7).product_id, price(7).amount_minor), (7, 799));
        let summary = reviews(7);
        let ids: Vec<u64> = summary.latest.iter().map(|review| review.id).collect();
        assert_eq!((summary.product_id, ids), (7, vec![71, 72, 73]));
        let list = recommendations(7, 10_000);
        assert_eq!((list.product_id, list.product_ids), (7, vec![71, 72, 73, 74, 75]));
    }

    #[test]
    fn recommended_products_are_products() {
        assert_eq!(recommendations(7, 72).product_ids, [71, 72, 1, 2, 3]);
        assert_eq!(recommendations(7, 0).product_ids, [1; 5]);
        for id in [0, 1, u64::MAX] {
            let list = recommendations(id, 10);
            assert!(list.product_ids.iter().all(|id| (1..=10).contains(id)), "{list:?}");
        }
    }
}
