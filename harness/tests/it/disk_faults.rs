//! Disks that are full, slow, failing, lying, or cut off in the middle of a write.

use squall::plan::{
    Fault, FaultBuilder, corrupt_disk, disk_error, disk_full, power_loss, slow_disk, torn_write,
};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::world::{Seen, World, log, ms, sync_dir, us};

/// `b` does `work` at 100, 500 and 900 ms; the fault acts from 300 to 700 ms.
fn worked<F>(fault: FaultBuilder, work: impl Fn(u64) -> F + Send + Sync + Clone + 'static) -> Seen
where
    F: Future<Output = std::io::Result<String>> + Send,
{
    let service = move || {
        let work = work.clone();
        async move {
            for at in [100, 500, 900] {
                squall_os::sim::sleep_until(at * 1_000_000).await;
                match work(at).await {
                    Ok(done) => log(&done),
                    Err(error) => log(&format!("{:?} {:?}", error.kind(), error.raw_os_error())),
                }
            }
            std::future::pending().await
        }
    };
    let fault = fault.from(ms(300)).until(ms(700));
    World::new().host("b", service).plan(|plan| plan.fault(fault)).completes(1)
}

#[test]
fn nothing_grows_on_a_full_disk_until_the_heal() {
    let seen = worked(disk_full("b"), |at| async move {
        // What does not grow is still written.
        let mut file =
            File::options().write(true).create(true).truncate(false).open("/fixed").await?;
        file.write_all(b"same length").await?;
        file.flush().await?;
        fs::write(format!("/file {at}"), b"x").await?;
        Ok("written".to_owned())
    });
    assert_eq!(seen.said("b"), ["written", "StorageFull Some(28)", "written"]);
    assert_eq!(seen.affected(), [1]);
}

/// Space is handed out in blocks, and the last one of a file may have room: 192 bytes here. A test beside
/// `backend/process/disk.rs` asks the kernel the same.
#[test]
fn a_file_on_a_full_disk_grows_to_the_end_of_its_block() {
    let seen = worked(disk_full("b"), |at| async move {
        let mut file = File::options().append(true).create(true).open("/journal").await?;
        if at == 100 {
            file.write_all(&[1; 8_000]).await?;
            file.flush().await?;
        }
        for _ in 0..if at == 100 { 0 } else { 20 } {
            let written = async {
                file.write_all(&[2; 50]).await?;
                file.flush().await
            };
            match written.await {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(fs::metadata("/journal").await?.len().to_string())
    });
    // The last write is done in part, and the rest of it refused.
    assert_eq!(seen.said("b"), ["8000", "8192", "9192"]);
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn a_failing_disk_fails_a_share_of_what_it_is_asked_for() {
    let all = worked(disk_error("b", 1.0), |_| async move {
        fs::write("/file", b"x").await?;
        Ok("written".to_owned())
    });
    assert_eq!(all.said("b"), ["written", "Uncategorized Some(5)", "written"]);
    assert_eq!(all.affected(), [1]);
    let some = worked(disk_error("b", 0.25), |_| async move {
        let mut failed = 0;
        for _ in 0..400 {
            failed += u64::from(fs::metadata("/").await.is_err());
        }
        Ok(failed.to_string())
    });
    let [before, during, after] = &some.said("b")[..] else { panic!("{:?}", some.facts()) };
    assert_eq!((before.as_str(), after.as_str()), ("0", "0"));
    let failed: u64 = during.parse().unwrap();
    assert!((70..130).contains(&failed), "a quarter of 400, found {failed}");
    assert_eq!(some.affected(), [failed]);
}

#[test]
fn a_slow_disk_takes_so_many_times_as_long() {
    let seen = worked(slow_disk("b", 20.0), |_| async move {
        fs::write("/file", b"x").await?;
        File::open("/file").await?.sync_all().await?;
        Ok("synced".to_owned())
    });
    let took: Vec<_> = (seen.facts().iter().zip([100, 500, 900]))
        .map(|((at, _, _), began)| *at - ms(began))
        .collect();
    let usual = us(50) + us(50) + us(50) + ms(1);
    assert_eq!(took, [usual, usual * 20, usual]);
    assert_eq!(seen.affected(), [4]);
}

#[test]
fn a_lying_disk_flips_bits_of_what_is_read_and_not_of_what_is_there() {
    let seen = worked(corrupt_disk("b", 1.0), |_| async move {
        fs::write("/file", [0; 64]).await?;
        let read = fs::read("/file").await?;
        Ok(read.iter().map(|byte| byte.count_ones()).sum::<u32>().to_string())
    });
    assert_eq!(seen.said("b"), ["0", "1", "0"]);
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn what_the_disk_had_done_before_the_fault_does_not_meet_it() {
    let seen = World::new()
        .host("b", || async {
            squall_os::sim::sleep_until(299_000_000).await;
            let mut file = File::create("/log").await?;
            file.write_all(b"in time").await?;
            // Nobody asks how it went until the fault is there.
            squall_os::sim::sleep_until(400_000_000).await;
            log(&format!("{:?}", file.flush().await.map_err(|error| error.kind())));
            log(&format!("{:?}", file.sync_all().await.is_err()));
            std::future::pending().await
        })
        .plan(|plan| plan.fault(disk_error("b", 1.0).from(ms(300)).until(ms(700))))
        .completes(1);
    assert_eq!(seen.said("b"), ["Ok(())", "true"]);
    assert_eq!(seen.affected(), [1]);
}

#[test]
fn what_a_failed_sync_of_a_directory_gave_up_is_lost_with_the_power() {
    let service = || async {
        for name in ["first", "second"] {
            log(&format!("{name} {}", fs::try_exists(format!("/{name}")).await?));
        }
        fs::write("/first", b"x").await?;
        let root = File::open("/").await?;
        squall_os::sim::sleep_until(400_000_000).await;
        log(&format!("failed {}", root.sync_all().await.is_err()));
        squall_os::sim::sleep_until(500_000_000).await;
        fs::write("/second", b"x").await?;
        sync_dir("/").await?;
        log("synced");
        std::future::pending().await
    };
    let seen = World::new()
        .host("b", service)
        .plan(|plan| {
            plan.fault(disk_error("b", 1.0).from(ms(300)).until(ms(450)))
                .fault(power_loss("b").from(ms(700)).until(ms(800)))
        })
        .completes(1);
    let said = seen.said("b");
    assert_eq!(said[..4], ["first false", "second false", "failed true", "synced"]);
    assert_eq!(said[4..6], ["first false", "second true"], "the later sync did not mend it");
}

/// `b` appends records to a log that is durable as far as the first one, and says what it finds
/// when it starts.
fn appended(fault: Fault, seed: u64) -> Seen {
    let service = || async {
        log(&fs::read_to_string("/log").await.unwrap_or_default());
        let mut file = File::options().append(true).create(true).open("/log").await?;
        file.write_all(b"[first]").await?;
        file.flush().await?;
        file.sync_all().await?;
        sync_dir("/").await?;
        for record in ["[second]", "[third]"] {
            file.write_all(record.as_bytes()).await?;
            file.flush().await?;
        }
        std::future::pending().await
    };
    World::new().host("b", service).plan(|plan| plan.fault(fault)).completes(seed)
}

#[test]
fn a_power_loss_drops_what_was_not_synced_and_a_torn_write_leaves_part_of_it() {
    let lost = appended(power_loss("b").from(ms(500)).until(ms(600)), 1);
    assert_eq!(lost.said("b"), ["", "[first]"]);
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let torn = appended(torn_write("b").from(ms(500)).until(ms(600)), seed);
        assert_eq!(torn.affected(), [1]);
        let left = torn.said("b").pop().unwrap();
        assert!("[first][second][third]".starts_with(&left), "{left}");
        assert!(left.len() > "[first][second]".len() && !left.ends_with("[third]"), "{left}");
        found.insert(left);
    }
    assert!(found.len() > 2, "torn at any byte, found {found:?}");
}

#[test]
fn a_power_loss_with_nothing_to_tear_has_torn_nothing() {
    let fault = torn_write("b").from(ms(500)).until(ms(600));
    let seen = World::new().host("b", crate::world::idle).plan(|plan| plan.fault(fault));
    let seen = seen.completes(1);
    assert_eq!(seen.affected(), [0]);
    assert_eq!(seen.states("b").len(), 3, "it lost its power all the same");
}
