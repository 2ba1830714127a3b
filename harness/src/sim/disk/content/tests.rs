//! What is left of a file's content after syncs and power losses.

use std::time::SystemTime;

use super::Content;
use crate::run::rng;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn synced(text: &[u8]) -> Content {
    let mut content = Content::new(NOW);
    content.write(0, text, NOW);
    content.sync();
    content
}

#[test]
fn only_what_was_synced_is_left() {
    let mut content = synced(b"0123456789");
    content.write(8, b"abcd", NOW);
    content.write(2, b"xy", NOW);
    content.sync();
    assert_eq!(content.durable, b"01xy4567abcd");
    content.set_len(4, NOW);
    content.write(6, b"z", NOW);
    content.sync();
    assert_eq!(content.durable, b"01xy\0\0z", "cut off, and filled up with zeros");
    content.write(0, b"lost", NOW);
    content.set_len(1, NOW);
    assert!(!content.lose_power(None));
    assert_eq!(content.live, b"01xy\0\0z");
    content.write(7, b"!", NOW);
    content.sync();
    assert_eq!(content.durable, b"01xy\0\0z!", "it goes on from there");
}

#[test]
fn a_torn_write_is_there_in_part_with_what_it_overwrote_behind_it() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let mut rng = rng::stream(seed, "test");
        let mut content = synced(b"0123");
        content.write(4, b"kept", NOW);
        content.write(2, b"abcdefgh", NOW);
        assert!(content.lose_power(Some(&mut rng)));
        let torn = &content.live;
        let cut = (1..8).find(|cut| {
            let mut expected = b"0123kept".to_vec();
            expected.resize(8.max(2 + cut), 0);
            expected[2..2 + cut].copy_from_slice(&b"abcdefgh"[..*cut]);
            *torn == expected
        });
        assert!(cut.is_some(), "found {:?}", String::from_utf8_lossy(torn));
        lengths.extend(cut);
    }
    assert_eq!(lengths.len(), 7, "it is torn at any byte");
}

#[test]
fn what_a_failed_sync_gave_up_is_not_made_durable_by_a_later_one() {
    let mut content = synced(b"0123");
    content.write(4, b"lost", NOW);
    content.fail_sync();
    content.write(8, b"kept", NOW);
    content.sync();
    assert_eq!(content.live, b"0123lostkept");
    content.lose_power(None);
    assert_eq!(content.live, b"0123\0\0\0\0kept");
}

#[test]
fn nor_by_a_power_loss_in_the_middle_of_a_later_write() {
    let mut rng = rng::stream(1, "test");
    let mut content = synced(b"0123");
    content.write(4, b"lost", NOW);
    content.fail_sync();
    content.write(8, b"torn", NOW);
    assert!(content.lose_power(Some(&mut rng)));
    assert!(content.live.starts_with(b"0123\0\0\0\0t") && content.live.len() < 12);
}

#[test]
fn what_was_written_before_the_last_change_is_there_whatever_that_was() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let mut rng = rng::stream(seed, "test");
        let mut content = synced(b"0123");
        content.write(4, b"kept", NOW);
        content.write(8, b"x", NOW);
        assert!(content.lose_power(Some(&mut rng)));
        assert_eq!(content.live, b"0123kept", "a byte is not there in part");
        let mut content = synced(b"0123");
        content.write(4, b"kept", NOW);
        content.set_len(6, NOW);
        assert!(content.lose_power(Some(&mut rng)));
        found.insert(content.live.clone());
        let mut content = synced(b"0123");
        content.set_len(2, NOW);
        content.lose_power(Some(&mut rng));
        found.insert(content.live.clone());
        let mut content = synced(b"0123");
        content.write(4, b"kept", NOW);
        content.set_len(10, NOW);
        assert!(content.lose_power(Some(&mut rng)));
        found.insert(content.live.clone());
    }
    let lengths: [&[u8]; 5] = [b"01", b"0123", b"0123ke", b"0123kept", b"0123kept\0\0"];
    assert!(found.iter().eq(lengths), "the old length or the new one: {found:?}");
}

#[test]
fn there_is_nothing_to_tear_in_a_byte_or_in_what_is_durable() {
    let mut rng = rng::stream(1, "test");
    let mut content = synced(b"0123");
    assert!(!content.lose_power(Some(&mut rng)));
    content.write(4, b"x", NOW);
    assert!(!content.lose_power(Some(&mut rng)));
    assert_eq!(content.live, b"0123");
}

#[test]
fn a_byte_far_behind_the_end_is_there_or_not() {
    let mut rng = rng::stream(1, "test");
    let mut content = synced(b"0123");
    content.write(100, b"x", NOW);
    assert!(!content.lose_power(Some(&mut rng)));
    assert_eq!(content.live, b"0123");
}
