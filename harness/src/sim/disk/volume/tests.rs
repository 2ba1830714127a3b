//! Names and space, across syncs and power losses.

use std::{path::Path, time::SystemTime};

use super::Volume;

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

#[test]
fn a_file_that_replaces_another_one_is_either_of_them_after_a_power_loss() {
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
        volume.lose_power(None);
        let left = if synced { "new" } else { "old" };
        assert_eq!(read(&mut volume, "/file").as_deref(), Some(left));
        assert_eq!(read(&mut volume, "/beside"), None);
        assert_eq!(volume.used_bytes, 3);
        assert_eq!(volume.nodes.len(), 2, "the root and the file");
    }
}

#[test]
fn a_synced_directory_is_found_again_with_those_that_lead_to_it() {
    let mut volume = Volume::new(100);
    volume.create_dir(Path::new("/a/b"), true, NOW).unwrap();
    write(&mut volume, "/a/b/file", "x");
    write(&mut volume, "/a/beside", "y");
    volume.sync_dir(Path::new("/a/b")).unwrap();
    volume.rename(Path::new("/a"), Path::new("/c"), NOW).unwrap();
    volume.sync_dir(Path::new("/c/b")).unwrap();
    volume.lose_power(None);
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
    volume.create_dir(Path::new("/a/b"), true, NOW).unwrap();
    write(&mut volume, "/a/b/file", "x");
    volume.sync_dir(Path::new("/a/b")).unwrap();
    volume.remove_dir_all(Path::new("/a"), NOW).unwrap();
    volume.sync_dir(Path::new("/")).unwrap();
    assert_eq!((volume.used_bytes, volume.nodes.len()), (0, 1));
}
