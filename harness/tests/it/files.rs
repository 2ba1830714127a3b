//! Files of simulated hosts: as those of `tokio::fs`, in virtual time, and what is left of them
//! when a process dies or the power fails.

use std::{
    collections::BTreeSet,
    io::{self, SeekFrom},
    path::Path,
    pin::Pin,
    sync::Mutex,
};

use squall::plan::{DiskConfig, Fault, crash, power_loss};
use squall_reports::record::{EventKind, UNDIGESTED};
use tokio::fs::{self, File};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    time::sleep,
};

use crate::world::{Done, Seen, World, log, ms, sync_dir, us};

/// What a service does with files, written down so that two file systems can be compared.
async fn at_work(root: &Path) -> io::Result<Vec<String>> {
    let mut seen = Vec::new();
    let mut note = |what: &str, found: String| seen.push(format!("{what}: {found}"));
    let kind = |result: io::Result<()>| format!("{:?}", result.map_err(|error| error.kind()));

    fs::create_dir_all(root.join("data/old")).await?;
    note("again", kind(fs::create_dir_all(root.join("data/old")).await));
    note("taken", kind(fs::create_dir(root.join("data")).await));
    note("nowhere", kind(File::create(root.join("none/log")).await.map(|_| ())));

    let log = root.join("data/log");
    let mut options = File::options();
    let mut file = options.append(true).create_new(true).open(&log).await?;
    note("new", kind(options.open(&log).await.map(|_| ())));
    file.write_all(b"one,two,").await?;
    file.flush().await?;
    file.sync_data().await?;
    note("unreadable", kind(file.read(&mut [0; 4]).await.map(|_| ())));

    // The name goes to another file, and the open file stays what it was.
    fs::rename(&log, root.join("data/old/log.1")).await?;
    fs::write(&log, b"new").await?;
    file.write_all(b"three").await?;
    file.flush().await?;
    file.sync_all().await?;
    note("moved", fs::read_to_string(root.join("data/old/log.1")).await?);
    note("fresh", fs::read_to_string(&log).await?);

    let path = root.join("data/table");
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).await?;
    file.write_all(b"0123456789").await?;
    file.seek(SeekFrom::Start(2)).await?;
    file.write_all(b"ab").await?;
    let mut four = [0; 4];
    file.read_exact(&mut four).await?;
    note("after a write", String::from_utf8_lossy(&four).into_owned());
    note("from the end", file.seek(SeekFrom::End(-3)).await?.to_string());
    note("before the start", kind(file.seek(SeekFrom::Current(-20)).await.map(|_| ())));
    file.set_len(4).await?;
    file.set_len(6).await?;
    note("cut and filled", format!("{:?}", fs::read(&path).await?));
    let known = file.metadata().await?;
    note("metadata", format!("{} {} {}", known.len(), known.is_file(), known.is_dir()));

    fs::remove_file(&path).await?;
    note("gone", fs::try_exists(&path).await?.to_string());
    file.seek(SeekFrom::Start(0)).await?;
    note("still open", file.read(&mut [0; 16]).await?.to_string());
    note("twice", kind(fs::remove_file(&path).await));
    note("no file", kind(fs::read(root.join("data")).await.map(|_| ())));
    note("in the way", kind(fs::rename(root.join("data/old"), &log).await));
    note("into itself", kind(fs::rename(root.join("data"), root.join("data/in")).await));

    let mut entries = fs::read_dir(root.join("data")).await?;
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        names.push((entry.file_name(), entry.metadata().await?.is_dir()));
    }
    names.sort();
    note("entries", format!("{names:?}"));
    sync_dir(root.join("data")).await?;
    fs::remove_dir_all(root.join("data")).await?;
    note("all gone", kind(fs::metadata(root.join("data")).await.map(|_| ())));
    Ok(seen)
}

#[test]
fn a_simulated_disk_does_what_a_real_one_does() {
    let root = std::env::temp_dir().join(format!("squall-files-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = runtime.block_on(async {
        fs::create_dir_all(&root).await?;
        let seen = at_work(&root).await;
        fs::remove_dir_all(&root).await?;
        seen
    });
    let seen = World::new()
        .host("b", || async {
            for line in at_work(Path::new("/")).await? {
                log(&line);
            }
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("b"), real.unwrap());
}

/// Appends to the log, with a sync or without.
async fn append(what: &[u8], sync: bool) -> io::Result<()> {
    let mut log = File::options().append(true).create(true).open("/data/log").await?;
    log.write_all(what).await?;
    log.flush().await?;
    if sync { log.sync_data().await } else { Ok(()) }
}

/// Says what is in the log, and appends to it: once durably, with its name, and once not.
async fn logging() -> Done {
    match fs::read_to_string("/data/log").await {
        Ok(found) => log(&format!("found {found:?}")),
        Err(error) => log(&format!("found {:?}", error.kind())),
    }
    fs::create_dir_all("/data").await?;
    append(b"a", true).await?;
    sync_dir("/data").await?;
    append(b"b", false).await?;
    log("wrote");
    std::future::pending().await
}

fn logged(fault: Fault) -> Seen {
    World::new().host("b", logging).plan(|plan| plan.fault(fault)).completes(1)
}

#[test]
fn what_a_process_wrote_survives_it_but_not_the_power() {
    let crashed = logged(crash("b").from(ms(500)).until(ms(600)));
    assert_eq!(crashed.said("b"), ["found NotFound", "wrote", "found \"ab\"", "wrote"]);
    let powerless = logged(power_loss("b").from(ms(500)).until(ms(600)));
    assert_eq!(powerless.said("b"), ["found NotFound", "wrote", "found \"a\"", "wrote"]);
}

#[test]
fn each_host_has_a_disk_of_its_own() {
    let seen = World::new().host("a", logging).host("b", logging).completes(1);
    assert_eq!(seen.said("a"), ["found NotFound", "wrote"]);
    assert_eq!(seen.said("b"), ["found NotFound", "wrote"]);
}

/// What is found of these files after a power loss that `seed` draws, having done `work`.
fn left<F>(seed: u64, names: &'static [&'static str], work: fn() -> F) -> Vec<String>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let seen = World::new()
        .host("b", move || async move {
            if fs::try_exists("/data").await? {
                for name in names {
                    let found = fs::read_to_string(format!("/data/{name}")).await;
                    log(&format!("{name} {:?}", found.map_err(|error| error.kind())));
                }
                return std::future::pending().await;
            }
            fs::create_dir("/data").await?;
            sync_dir("/data").await?;
            work().await?;
            std::future::pending().await
        })
        .plan(|plan| plan.fault(power_loss("b").from(ms(500)).until(ms(600))))
        .completes(seed);
    seen.said("b")
}

async fn synced(path: &str, text: &str) -> io::Result<()> {
    fs::write(path, text).await?;
    File::open(path).await?.sync_all().await
}

#[test]
fn what_was_done_to_a_directory_survives_in_order_and_all_of_it_once_it_was_synced() {
    let work = || async {
        synced("/data/before", "before").await?;
        synced("/data/removed", "removed").await?;
        fs::write("/data/synced", "synced").await?;
        sync_dir("/data").await?;
        synced("/data/created", "x").await?;
        fs::rename("/data/before", "/data/renamed").await?;
        fs::remove_file("/data/removed").await
    };
    let names = &["created", "before", "renamed", "removed", "synced"];
    let found: BTreeSet<Vec<String>> = (0..30).map(|seed| left(seed, names, work)).collect();
    let none = |name| format!("{name} Err(NotFound)");
    let text = |name, text| format!("{name} Ok({text:?})");
    // Its name was synced, and its content was not.
    let synced = text("synced", "");
    let stages = BTreeSet::from([
        vec![
            none("created"),
            text("before", "before"),
            none("renamed"),
            text("removed", "removed"),
            synced.clone(),
        ],
        vec![
            text("created", "x"),
            text("before", "before"),
            none("renamed"),
            text("removed", "removed"),
            synced.clone(),
        ],
        vec![
            text("created", "x"),
            none("before"),
            text("renamed", "before"),
            text("removed", "removed"),
            synced.clone(),
        ],
        vec![
            text("created", "x"),
            none("before"),
            text("renamed", "before"),
            none("removed"),
            synced,
        ],
    ]);
    assert_eq!(found, stages);
    let again: BTreeSet<Vec<String>> = (0..30).map(|seed| left(seed, names, work)).collect();
    assert_eq!(again, found, "the seed draws");
}

#[test]
fn a_file_rewritten_without_a_sync_can_lose_the_old_text_and_the_new_one() {
    let rewritten = |seed, sync: bool| {
        left(seed, &["file"], if sync { rewrite_synced } else { rewrite_unsynced })
    };
    let without: BTreeSet<_> = (0..20).flat_map(|seed| rewritten(seed, false)).collect();
    assert!(without.iter().eq(["file Ok(\"\")", "file Ok(\"old\")"]), "{without:?}");
    let with: BTreeSet<_> = (0..20).flat_map(|seed| rewritten(seed, true)).collect();
    assert!(with.iter().eq(["file Ok(\"new\")", "file Ok(\"old\")"]), "{with:?}");
}

fn rewrite_synced() -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
    Box::pin(rewrite(true))
}

fn rewrite_unsynced() -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
    Box::pin(rewrite(false))
}

/// Writes the new text beside the old one and puts it in its place.
async fn rewrite(sync: bool) -> io::Result<()> {
    synced("/data/file", "old").await?;
    sync_dir("/data").await?;
    fs::write("/data/beside", "new").await?;
    if sync {
        File::open("/data/beside").await?.sync_all().await?;
    }
    fs::rename("/data/beside", "/data/file").await
}

#[test]
fn a_disk_takes_its_time_and_does_one_thing_after_the_other() {
    let disk = DiskConfig::default().latency(us(100)).sync(ms(5));
    let seen = World::new()
        .host("b", || async {
            let mut file = File::create("/log").await?;
            log("opened");
            file.write_all(b"x").await?;
            log("accepted");
            file.flush().await?;
            log("written");
            let (synced, read) = tokio::join!(file.sync_all(), fs::read("/log"));
            synced?;
            log(&format!("read {}", read?.len()));
            std::future::pending().await
        })
        .topology(|topology| topology.disk(disk))
        .completes(1);
    assert_eq!(
        ["opened", "accepted", "written", "read 1"].map(|what| seen.at(what)),
        // The file is opened and read once the sync is over.
        [us(100), us(100), us(200), us(200) + ms(5) + us(200)]
    );
}

#[test]
fn what_the_disk_has_not_come_to_dies_with_the_process() {
    let disk = DiskConfig::default().latency(ms(10));
    let seen = World::new()
        .host("b", || async {
            log(&format!("found {:?}", fs::read_to_string("/log").await.ok()));
            let mut file = File::create("/log").await?;
            file.write_all(b"a").await?;
            file.flush().await?;
            squall_os::sim::sleep_until(495_000_000).await;
            file.write_all(b"b").await?;
            std::future::pending().await
        })
        .topology(|topology| topology.disk(disk))
        .plan(|plan| plan.fault(crash("b").from(ms(500)).until(ms(600))))
        .completes(1);
    assert_eq!(seen.said("b"), ["found None", "found Some(\"a\")"]);
}

#[test]
fn an_open_file_is_of_no_use_to_the_next_process() {
    static KEPT: Mutex<Option<File>> = Mutex::new(None);
    let seen = World::new()
        .host("b", || async {
            let kept = KEPT.lock().unwrap().take();
            if let Some(mut file) = kept {
                let written = file.write_all(b"from beyond").await;
                log(&format!("{:?}", written.and(file.flush().await).is_err()));
                log(&format!("{:?}", file.sync_all().await.map_err(|error| error.raw_os_error())));
                log(&fs::read_to_string("/log").await?);
            } else {
                fs::write("/log", b"kept").await?;
                let file = File::options().append(true).open("/log").await?;
                *KEPT.lock().unwrap() = Some(file);
            }
            std::future::pending().await
        })
        .plan(|plan| plan.fault(crash("b").from(ms(500)).until(ms(600))))
        .completes(1);
    assert_eq!(seen.said("b"), ["true", "Err(Some(9))", "kept"]);
}

#[test]
fn what_was_asked_for_is_done_although_nobody_waits_for_it() {
    let seen = World::new()
        .host("b", || async {
            fs::write("/before", b"x").await?;
            tokio::select! {
                biased;
                _ = fs::rename("/before", "/after") => log("renamed"),
                () = std::future::ready(()) => log("given up"),
            }
            log(&format!("there: {}", fs::try_exists("/after").await?));
            std::future::pending().await
        })
        .completes(1);
    assert_eq!(seen.said("b"), ["given up", "there: true"]);
}

#[test]
fn a_service_that_ends_by_itself_leaves_what_it_has_written() {
    let seen = World::new()
        .host("b", || async {
            log(&fs::read_to_string("/log").await.unwrap_or_default());
            let mut file = File::options().append(true).create(true).open("/log").await?;
            file.write_all(b"last words").await?;
            Ok(())
        })
        .plan(|plan| plan.fault(crash("b").from(ms(500)).until(ms(600))))
        .completes(1);
    assert_eq!(seen.said("b"), ["", "last words"]);
}

/// The memory that a run with `service` has grown by, in megabytes, while its load went on.
fn grown<F>(service: impl Fn() -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = Done> + Send + 'static,
{
    let seen = World::new().host("b", service).completes(1);
    let record = &seen.0.record;
    let gauges = record.events.iter().filter_map(|event| match &event.what {
        EventKind::Gauge(gauge) if record.text(gauge.name) == UNDIGESTED => Some(gauge.value),
        _ => None,
    });
    gauges.reduce(f64::max).unwrap()
}

#[test]
fn what_is_on_a_disk_is_no_memory_of_the_service() {
    let content = || vec![7; 32 << 20];
    let on_disk = grown(move || async move {
        sleep(ms(100)).await;
        fs::write("/file", content()).await?;
        File::open("/file").await?.sync_all().await?;
        std::future::pending().await
    });
    assert!(on_disk < 4.0, "found {on_disk}");
    let in_memory = grown(move || async move {
        sleep(ms(100)).await;
        let kept = content();
        std::future::pending::<()>().await;
        drop(kept);
        Ok(())
    });
    assert!(in_memory >= 28.0, "found {in_memory}");
}

#[test]
fn a_full_disk_takes_what_it_has_space_for() {
    let seen = World::new()
        .host("b", || async {
            let mut file = File::create("/log").await?;
            file.write_all(b"12345678").await?;
            let after = file.write_all(b"9abc").await;
            log(&format!("accepted: {}", after.is_ok()));
            log(&format!("synced: {}", file.sync_all().await.is_ok()));
            log(&format!("told: {:?}", file.flush().await.map_err(|error| error.kind())));
            log(&format!("read: {}", fs::read_to_string("/log").await?));
            drop(file);
            fs::remove_file("/log").await?;
            fs::write("/log", b"1234567890").await?;
            log("space again");
            std::future::pending().await
        })
        .topology(|topology| topology.disk(DiskConfig::default().capacity_bytes(10)))
        .completes(1);
    assert_eq!(
        seen.said("b"),
        [
            "accepted: true",
            // As with Tokio: who does not flush does not hear of it.
            "synced: true",
            "told: Err(StorageFull)",
            "read: 123456789a",
            "space again"
        ]
    );
}
