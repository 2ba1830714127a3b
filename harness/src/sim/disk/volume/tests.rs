//! Names and space, across syncs and power losses.

use std::{collections::BTreeSet, path::Path, time::SystemTime};

use super::{PENDING_MAX, Volume};
use crate::run::rng;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn write(volume: &mut Volume, path: &str, text: &str) {
    let file = volume.open(Path::new(path), true, false, NOW).unwrap();
    volume.set_len(file, 0, NOW).unwrap();
    assert_eq!(volume.write(file, 0, text.as_bytes(), NOW), text.len());
    volume.sync(file);
    volume.close(file);
}

fn read(volume: &mut Volume, path: &str) -> Option<String> {
    let file = volume.open(Path::new(path), false, false, NOW).ok()?;
    let text = volume.read(file, 0, 100);
    volume.close(file);
    Some(String::from_utf8(text).unwrap())
}

/// Loses its power in a way that `seed` draws.
fn lose_power(volume: &mut Volume, seed: u64) {
    volume.lose_power(&mut rng::stream(seed, "power"), None);
}

#[test]
fn a_file_that_replaces_another_one_is_either_of_them_after_a_power_loss() {
    let mut found = BTreeSet::new();
    for seed in 0..20 {
        for synced in [false, true] {
            let mut volume = Volume::new(100);
            write(&mut volume, "/file", "old");
            volume.sync_dir(Path::new("/")).unwrap();
            write(&mut volume, "/beside", "new");
            volume.rename(Path::new("/beside"), Path::new("/file"), NOW).unwrap();
            assert_eq!(read(&mut volume, "/file").as_deref(), Some("new"));
            if synced {
                volume.sync_dir(Path::new("/")).unwrap();
            }
            lose_power(&mut volume, seed);
            let left = (read(&mut volume, "/file"), read(&mut volume, "/beside"));
            let files = volume.nodes.len() - 1;
            assert_eq!(volume.used_bytes, 3 * files as u64);
            found.insert((synced, left.0.unwrap(), left.1, files));
        }
    }
    let expected = [
        (false, "new".to_owned(), None, 1),
        (false, "old".to_owned(), None, 1),
        (false, "old".to_owned(), Some("new".to_owned()), 2),
        (true, "new".to_owned(), None, 1),
    ];
    assert!(found.iter().eq(&expected), "nothing, the creation, or the renaming too: {found:?}");
}

#[test]
fn a_name_can_be_durable_before_what_it_names() {
    let mut found = BTreeSet::new();
    for seed in 0..20 {
        let mut volume = Volume::new(100);
        write(&mut volume, "/file", "old");
        volume.sync_dir(Path::new("/")).unwrap();
        let beside = volume.open(Path::new("/beside"), true, false, NOW).unwrap();
        volume.write(beside, 0, b"new", NOW);
        volume.rename(Path::new("/beside"), Path::new("/file"), NOW).unwrap();
        lose_power(&mut volume, seed);
        found.insert(read(&mut volume, "/file").unwrap());
    }
    assert!(found.iter().eq(["", "old"]), "a rewrite without a sync loses both: {found:?}");
}

#[test]
fn what_was_done_to_a_directory_survives_in_order() {
    let mut found = BTreeSet::new();
    for seed in 0..40 {
        let mut volume = Volume::new(100);
        for name in ["/1", "/2", "/3"] {
            write(&mut volume, name, "x");
        }
        volume.remove_file(Path::new("/1"), NOW).unwrap();
        lose_power(&mut volume, seed);
        found.insert(volume.read_dir(Path::new("/")).unwrap());
        assert_eq!(volume.nodes.len(), volume.read_dir(Path::new("/")).unwrap().len() + 1);
    }
    let expected: [&[&str]; 5] = [&[], &["1"], &["1", "2"], &["1", "2", "3"], &["2", "3"]];
    assert!(found.iter().eq(expected), "{found:?}");
}

#[test]
fn what_piles_up_in_a_directory_becomes_durable_and_is_not_kept_for_ever() {
    let mut volume = Volume::new(100);
    for number in 0..PENDING_MAX * 3 {
        write(&mut volume, "/beside", &number.to_string());
        volume.rename(Path::new("/beside"), Path::new("/file"), NOW).unwrap();
    }
    assert!(volume.nodes.len() <= PENDING_MAX + 2, "found {}", volume.nodes.len());
    lose_power(&mut volume, 1);
    let left: usize = read(&mut volume, "/file").unwrap().parse().unwrap();
    assert!(left >= PENDING_MAX * 5 / 2 - 1, "a creation and a renaming each time: {left}");
    assert!(volume.nodes.len() <= 3);
}

#[test]
fn what_a_failed_sync_of_a_directory_gave_up_is_not_made_durable_by_a_later_one() {
    for seed in 0..20 {
        let mut volume = Volume::new(100);
        write(&mut volume, "/removed", "x");
        volume.sync_dir(Path::new("/")).unwrap();
        write(&mut volume, "/lost", "x");
        write(&mut volume, "/before", "x");
        volume.remove_file(Path::new("/removed"), NOW).unwrap();
        volume.fail_sync_dir(Path::new("/"));
        write(&mut volume, "/kept", "x");
        volume.rename(Path::new("/before"), Path::new("/again"), NOW).unwrap();
        volume.sync_dir(Path::new("/")).unwrap();
        assert_eq!(volume.read_dir(Path::new("/")).unwrap(), ["again", "kept", "lost"]);
        lose_power(&mut volume, seed);
        let left = volume.read_dir(Path::new("/")).unwrap();
        assert_eq!(left, ["again", "kept", "removed"], "what was named again is there");
        assert_eq!(volume.nodes.len(), 4);
    }
}

/// Removes a directory with all that is in it, as `rm -r` does.
fn remove_all(volume: &mut Volume, path: &Path) {
    for name in volume.read_dir(path).unwrap() {
        let inner = path.join(name);
        if volume.status_at(&inner).unwrap().is_dir {
            remove_all(volume, &inner);
        } else {
            volume.remove_file(&inner, NOW).unwrap();
        }
    }
    volume.remove_dir(path, NOW).unwrap();
}

#[test]
fn directories_that_survive_in_two_places_are_in_one() {
    for seed in 0..50 {
        let mut volume = Volume::new(100);
        volume.create_dir(Path::new("/a"), NOW).unwrap();
        volume.create_dir(Path::new("/b"), NOW).unwrap();
        volume.sync_dir(Path::new("/")).unwrap();
        volume.rename(Path::new("/a"), Path::new("/b/a"), NOW).unwrap();
        volume.rename(Path::new("/b/a"), Path::new("/a"), NOW).unwrap();
        volume.rename(Path::new("/b"), Path::new("/a/b"), NOW).unwrap();
        lose_power(&mut volume, seed);
        for path in ["/a", "/b"] {
            if volume.status_at(Path::new(path)).is_ok() {
                remove_all(&mut volume, Path::new(path));
            }
        }
        volume.sync_dir(Path::new("/")).unwrap();
        assert_eq!(volume.nodes.len(), 1, "none in the other for ever");
    }
}

#[test]
fn a_synced_directory_is_found_again_with_those_that_lead_to_it() {
    let mut volume = Volume::new(100);
    volume.create_dir(Path::new("/a"), NOW).unwrap();
    volume.create_dir(Path::new("/a/b"), NOW).unwrap();
    write(&mut volume, "/a/b/file", "x");
    write(&mut volume, "/a/beside", "y");
    volume.sync_dir(Path::new("/a/b")).unwrap();
    volume.rename(Path::new("/a"), Path::new("/c"), NOW).unwrap();
    volume.sync_dir(Path::new("/c/b")).unwrap();
    lose_power(&mut volume, 1);
    assert_eq!(volume.read_dir(Path::new("/")).unwrap(), ["c"]);
    assert_eq!(volume.read_dir(Path::new("/c")).unwrap(), ["b"]);
    assert_eq!(read(&mut volume, "/c/b/file").as_deref(), Some("x"));
}

#[test]
fn space_is_free_once_nobody_can_get_at_the_file() {
    let mut volume = Volume::new(4);
    let file = volume.open(Path::new("/file"), true, false, NOW).unwrap();
    assert_eq!(volume.write(file, 0, b"12345", NOW), 4);
    assert_eq!(volume.write(file, 2, b"ab", NOW), 2, "within the file");
    assert!(volume.set_len(file, 5, NOW).is_err());
    volume.sync(file);
    volume.sync_dir(Path::new("/")).unwrap();
    volume.remove_file(Path::new("/file"), NOW).unwrap();
    assert_eq!(volume.used_bytes, 4, "it is open");
    volume.close(file);
    assert_eq!((volume.used_bytes, volume.nodes.len()), (0, 2), "a power loss brings it back");
    assert!(volume.memory_bytes() >= 8);
    volume.sync_dir(Path::new("/")).unwrap();
    assert_eq!((volume.memory_bytes(), volume.nodes.len()), (0, 1));
}

#[test]
fn a_directory_goes_with_all_that_is_in_it() {
    let mut volume = Volume::new(100);
    volume.create_dir(Path::new("/a"), NOW).unwrap();
    volume.create_dir(Path::new("/a/b"), NOW).unwrap();
    write(&mut volume, "/a/b/file", "x");
    volume.sync_dir(Path::new("/a/b")).unwrap();
    remove_all(&mut volume, Path::new("/a"));
    volume.sync_dir(Path::new("/")).unwrap();
    assert_eq!((volume.used_bytes, volume.nodes.len()), (0, 1));
}
