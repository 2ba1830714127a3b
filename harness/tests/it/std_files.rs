//! Files of std, Tokio and C on the disk of a host, against the file system of the machine.

use std::{
    fs::{self, File, OpenOptions},
    future::pending,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use squall::plan::{crash, disk_full, power_loss, slow_disk};

use crate::world::{World, log, log_result, ms};

/// What became of each thing that was done.
struct Story {
    root: PathBuf,
    lines: Vec<String>,
}

impl Story {
    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn tell<T: std::fmt::Debug>(&mut self, what: &str, result: io::Result<T>) {
        let told = result.map_err(|error| {
            error.raw_os_error().map_or_else(
                || format!("{:?}", error.kind()),
                |code| io::Error::from_raw_os_error(code).to_string(),
            )
        });
        self.lines.push(format!("{what}: {told:?}"));
    }
}

/// What is in a directory, in the order of the names.
fn names(path: &Path) -> io::Result<Vec<(String, bool, bool)>> {
    let mut names = fs::read_dir(path)?
        .map(|entry| {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Ok((name, kind.is_file(), kind.is_dir()))
        })
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Everything that std does with files, told step by step.
fn story(root: PathBuf) -> Vec<String> {
    let mut story = Story { root, lines: Vec::new() };
    let it = &mut story;
    let (a, b, c, dir) = (it.at("a"), it.at("b"), it.at("c"), it.at("dir"));

    it.tell("read what is not there", fs::read(&a));
    it.tell("open what is not there", File::open(&a).map(drop));
    it.tell("write in no directory", fs::write(it.at("no/a"), "x"));
    it.tell("write", fs::write(&a, "hello, disk"));
    it.tell("read", fs::read_to_string(&a));
    it.tell("length", fs::metadata(&a).map(|it| (it.len(), it.is_file(), it.is_dir())));
    it.tell("links and size of a block", fs::metadata(&a).map(|it| (it.nlink(), it.blksize())));
    it.tell("exists", a.try_exists());
    it.tell("does not exist", b.try_exists());
    it.tell("make anew what is there", File::create_new(&a).map(drop));
    it.tell("make anew", File::create_new(&b).map(drop));
    it.tell("a file is no directory", fs::read_dir(&a).map(drop));
    it.tell("nothing is in a file", fs::read(a.join("x")));
    it.tell("a file in a file", fs::write(a.join("x"), ""));

    // Positions.
    let mut file = OpenOptions::new().read(true).write(true).open(&a).expect("it is there");
    let mut five = [0; 5];
    it.tell("read five", file.read_exact(&mut five).map(|()| five));
    it.tell("position", file.stream_position());
    it.tell("write in the middle", file.write(b"XY"));
    it.tell("to the end", file.seek(SeekFrom::End(0)));
    it.tell("read at the end", file.read(&mut five));
    it.tell("before the beginning", file.seek(SeekFrom::Current(-100)));
    it.tell("behind the end", file.seek(SeekFrom::Start(20)));
    it.tell("write behind the end", file.write(b"far"));
    it.tell("a gap of zeros", fs::read(&a));
    it.tell("read at", file.read_at(&mut five, 7).map(|n| (n, five)));
    it.tell("read at behind the end", file.read_at(&mut five, 700));
    it.tell("write at", file.write_at(b"at", 1));
    it.tell("which moves nothing", file.stream_position());
    let mut other = file.try_clone().expect("one more descriptor");
    it.tell("a clone stands where it does", other.stream_position());
    it.tell("and moves with it", other.rewind());
    it.tell("to the same place", file.stream_position());
    it.tell("shorter", file.set_len(4));
    it.tell("shorter is read", fs::read(&a));
    it.tell("longer", file.set_len(6));
    it.tell("longer is read", fs::read(&a));
    it.tell("synced", file.sync_all());
    it.tell("data synced", file.sync_data());
    drop((file, other));

    // Ways to open.
    let mut reader = File::open(&a).expect("it is there");
    it.tell("write to what is read only", reader.write(b"x"));
    it.tell("cut what is read only", reader.set_len(1));
    let mut writer = OpenOptions::new().write(true).open(&a).expect("it is there");
    it.tell("read what is written only", writer.read(&mut five));
    let mut appender = OpenOptions::new().append(true).open(&a).expect("it is there");
    it.tell("append", appender.write(b"end"));
    it.tell("append is at the end", appender.stream_position());
    it.tell("rewound", appender.rewind());
    it.tell("append again", appender.write(b"!"));
    it.tell("append at", appender.write_at(b"?", 0));
    it.tell("appended", fs::read(&a));
    it.tell("truncated", OpenOptions::new().write(true).truncate(true).open(&a).map(drop));
    it.tell("empty", fs::read(&a));
    it.tell("a directory is no file", OpenOptions::new().write(true).open(&it.root).map(drop));
    let directory = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(&a);
    it.tell("a file is opened as a directory", directory.map(drop));
    it.tell("a directory is opened", File::open(&it.root).map(drop));
    let directory = File::open(&it.root).expect("it is there");
    it.tell("and read", (&directory).read(&mut five));
    it.tell("and synced", directory.sync_all());
    it.tell("its kind", directory.metadata().map(|it| it.is_dir()));

    // Names.
    it.tell("rename", fs::rename(&a, &c));
    it.tell("gone", fs::read(&a));
    it.tell("rename over another", fs::rename(&c, &b));
    it.tell("rename nothing", fs::rename(&c, &b));
    it.tell("directory", fs::create_dir(&dir));
    it.tell("directory again", fs::create_dir(&dir));
    it.tell("directories", fs::create_dir_all(dir.join("deep/deeper")));
    it.tell("directories again", fs::create_dir_all(dir.join("deep/deeper")));
    it.tell("in no directory", fs::create_dir(it.at("no/dir")));
    it.tell("a file deep down", fs::write(dir.join("deep/file"), "1"));
    it.tell("dots in a path", fs::read_to_string(dir.join("deep/../deep/./file")));
    it.tell("listed", names(&it.root));
    it.tell("listed deep", names(&dir.join("deep")));
    it.tell("rename onto a directory", fs::rename(&b, &dir));
    it.tell("rename a directory onto a file", fs::rename(&dir, &b));
    it.tell("rename a directory into itself", fs::rename(&dir, dir.join("deep/deeper/dir")));
    it.tell("rename a directory", fs::rename(dir.join("deep"), it.at("moved")));
    it.tell("moved along", fs::read_to_string(it.at("moved/file")));
    it.tell("remove a directory as a file", fs::remove_file(&dir));
    it.tell("remove a file as a directory", fs::remove_dir(&b));
    it.tell("remove a directory with something in it", fs::remove_dir(it.at("moved")));
    it.tell("remove an empty one", fs::remove_dir(&dir));
    it.tell("remove it again", fs::remove_dir(&dir));
    it.tell("remove all", fs::remove_dir_all(it.at("moved")));
    it.tell("remove nothing", fs::remove_file(&a));
    it.tell("copied", fs::write(&a, "copy me").and_then(|()| fs::copy(&a, &c)));
    it.tell("the copy", fs::read_to_string(&c));

    // What is open stays, whatever becomes of its name.
    let mut open = File::open(&c).expect("it is there");
    it.tell("removed while open", fs::remove_file(&c));
    let mut text = String::new();
    it.tell("read all the same", open.read_to_string(&mut text).map(|_| text.clone()));
    it.tell("and gone", c.try_exists());
    it.tell("with its length", open.metadata().map(|it| it.len()));

    // Locks.
    let (one, two) = (File::open(&a).expect("it is there"), File::open(&a).expect("it is there"));
    it.tell("locked", one.lock());
    it.tell("locked by another", two.try_lock().map_err(io::Error::from));
    it.tell("unlocked", one.unlock());
    it.tell("shared", one.lock_shared());
    it.tell("shared by another", two.try_lock_shared().map_err(io::Error::from));
    it.tell("not exclusively", two.try_lock().map_err(io::Error::from));
    drop(one);
    it.tell("free with the descriptor", two.try_lock().map_err(io::Error::from));
    it.tell("canonical", fs::canonicalize(it.at("x/../a")).map(|_| ()));
    it.tell(
        "canonical of what is there",
        fs::canonicalize(it.root.join("./a"))
            .map(|found| found.file_name().map(|name| name.to_string_lossy().into_owned())),
    );
    story.lines
}

/// What a story is inside of a run.
fn told_in_a_run() -> Vec<String> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    World::new()
        .host("a", move || {
            let teller = Arc::clone(&teller);
            async move {
                let lines = tokio::task::spawn_blocking(|| {
                    fs::create_dir("/story")?;
                    Ok::<_, io::Error>(story(PathBuf::from("/story")))
                });
                *teller.lock().expect("nobody panics") = lines.await??;
                log("told");
                pending().await
            }
        })
        .plan(|plan| plan.lasts(ms(1_000)))
        .completes(1)
        .at("told");
    told.lock().expect("nobody panics").clone()
}

#[test]
fn files_do_in_a_run_what_they_do_on_the_machine() {
    let root = std::env::temp_dir().join(format!("squall-story-{}", std::process::id()));
    fs::create_dir(&root).expect("there is a place for it");
    let real = story(root.clone());
    fs::remove_dir_all(&root).expect("it is ours");
    let simulated = told_in_a_run();
    for (real, simulated) in real.iter().zip(&simulated) {
        assert_eq!(simulated, real, "in the run, and on the machine");
    }
    assert_eq!(simulated.len(), real.len());
    assert!(real.len() > 80, "{}", real.len());
    assert!(!Path::new("/story").exists(), "it was never on the machine");
}

#[test]
fn tokios_files_are_on_the_disk_of_their_host_and_take_its_time() {
    let seen = World::new()
        .host("a", || async {
            tokio::fs::create_dir_all("/data/x").await?;
            tokio::fs::write("/data/x/file", "kept").await?;
            let slow = std::time::Instant::now();
            log_result("read", &tokio::fs::read_to_string("/data/x/file").await.map(|_| ()));
            log(&format!("it took time: {}", slow.elapsed() > ms(0)));
            pending().await
        })
        .host("b", || async {
            tokio::time::sleep(ms(100)).await;
            log_result("another host", &tokio::fs::read("/data/x/file").await.map(|_| ()));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(500)).fault(slow_disk("a", 2.0).from(ms(0)).until(ms(400))))
        .completes(1);
    seen.at("it took time: true");
    seen.at("read: ok");
    assert_eq!(seen.said("b"), ["another host: NotFound"]);
}

#[test]
fn a_crash_keeps_what_was_written_and_a_power_loss_what_was_synced() {
    let service = || async {
        let found = |name: &str| fs::read_to_string(name).unwrap_or_else(|_| "nothing".to_owned());
        log(&format!("{} and {}", found("/written"), found("/synced")));
        fs::write("/written", "written")?;
        let mut file = File::create("/synced")?;
        file.write_all(b"synced")?;
        file.sync_all()?;
        File::open("/")?.sync_all()?;
        fs::write("/written", "written later")?;
        pending().await
    };
    let crashed = World::new()
        .host("a", service)
        .plan(|plan| plan.lasts(ms(1_000)).fault(crash("a").from(ms(300)).until(ms(400))))
        .completes(1);
    assert_eq!(crashed.said("a"), ["nothing and nothing", "written later and synced"]);
    let unplugged = World::new()
        .host("a", service)
        .plan(|plan| plan.lasts(ms(1_000)).fault(power_loss("a").from(ms(300)).until(ms(400))))
        .completes(1);
    let said = unplugged.said("a");
    assert_eq!(said[0], "nothing and nothing");
    assert!(said[1].ends_with("and synced") && !said[1].starts_with("written"), "{said:?}");
}

#[test]
fn a_full_disk_takes_what_there_is_space_for() {
    let seen = World::new()
        .host("a", || async {
            fs::write("/file", "before")?;
            tokio::time::sleep(ms(200)).await;
            log_result("write", &fs::write("/more", "more"));
            let mut file = OpenOptions::new().append(true).open("/file")?;
            log_result("append", &file.write(b"more").map(|_| ()));
            log(&fs::read_to_string("/file")?);
            // To the end of the block, and no further.
            log_result("fill", &file.write_all(&[b'x'; 4096]));
            log(&fs::metadata("/file")?.len().to_string());
            pending().await
        })
        .plan(|plan| plan.lasts(ms(500)).fault(disk_full("a").from(ms(100)).until(ms(400))))
        .completes(1);
    let expected = ["write: StorageFull", "append: ok", "beforemore", "fill: StorageFull", "4096"];
    assert_eq!(seen.said("a"), expected);
}

#[test]
fn the_files_of_the_machine_can_be_read_and_not_changed() {
    let seen = World::new()
        .host("a", || async {
            let read = fs::read_to_string("/proc/self/status").map(|status| status.contains("Pid"));
            log(&format!("{:?}", read.map_err(|error| error.kind())));
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
            log(&format!("{}", fs::read_to_string(manifest)?.contains("squall")));
            log_result("remove", &fs::remove_file(manifest));
            log_result("write", &fs::write(manifest, "gone"));
            let append = OpenOptions::new().append(true).open(manifest);
            log_result("append", &append.map(|_| ()));
            let mut random = [0; 4];
            File::open("/dev/urandom")?.read_exact(&mut random)?;
            log(&format!("{random:?}"));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(100)));
    let seen = seen.completes(3);
    let said = seen.said("a");
    assert_eq!(said[..2], ["Ok(true)", "true"]);
    for line in &said[2..5] {
        assert!(line.ends_with("NotFound"), "{line}");
    }
    let again = World::new()
        .host("a", || async {
            let mut random = [0; 4];
            File::open("/dev/urandom")?.read_exact(&mut random)?;
            log(&format!("{random:?}"));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(100)));
    assert_eq!(again.completes(3).said("a").len(), 1);
}

#[test]
fn a_process_takes_no_file_for_one_of_another_process() {
    let devices = || {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = Arc::clone(&seen);
        let service = move || {
            let sees = Arc::clone(&sees);
            async move {
                fs::write("/file", "")?;
                let (file, root) = (File::open("/file")?.metadata()?, fs::metadata("/")?);
                assert_eq!(file.dev(), root.dev());
                assert_eq!(fs::metadata("/file")?.dev(), file.dev());
                sees.lock().expect("nobody panics").push(file.dev());
                pending().await
            }
        };
        World::new()
            .host("a", service.clone())
            .host("b", service)
            .plan(|plan| plan.fault(crash("a").from(ms(300)).until(ms(400))))
            .completes(1);
        let seen = seen.lock().expect("nobody panics");
        seen.clone()
    };
    let all = devices();
    let different: std::collections::BTreeSet<u64> = all.iter().copied().collect();
    assert_eq!((all.len(), different.len()), (3, 3), "{all:?}");
    assert_eq!(devices(), all, "they are of the plan, and no run's own");
}

/// Writes when it is dropped.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        let _ = fs::write("/late", "late");
    }
}

#[test]
fn destructors_run_when_a_process_ends_and_not_when_it_is_killed() {
    let service = |ends: bool| {
        move || async move {
            log(&format!("{:?}", fs::read_to_string("/late").ok()));
            let _late = Late;
            if ends {
                tokio::time::sleep(ms(50)).await;
                return Ok(());
            }
            pending().await
        }
    };
    let killed = World::new()
        .host("a", service(false))
        .plan(|plan| plan.lasts(ms(1_000)).fault(crash("a").from(ms(300)).until(ms(400))))
        .completes(1);
    assert_eq!(killed.said("a"), ["None", "None"]);
    let ended = World::new()
        .host("a", service(true))
        .plan(|plan| plan.lasts(ms(1_000)).fault(crash("a").from(ms(300)).until(ms(400))))
        .completes(1);
    assert_eq!(ended.said("a"), ["None", "Some(\"late\")"]);
}

#[test]
fn a_lock_ends_with_the_process_that_had_it() {
    let service = || async {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open("/lock")?;
        log(&format!("{}", file.try_lock().is_ok()));
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(ms(100));
                let _ = file.metadata();
            }
        });
        pending().await
    };
    let seen = World::new()
        .host("a", service)
        .plan(|plan| plan.lasts(ms(1_000)).fault(crash("a").from(ms(250)).until(ms(400))))
        .completes(1);
    assert_eq!(seen.said("a"), ["true", "true"]);
}

#[test]
fn threads_that_write_through_one_open_file_take_nothing_from_each_other() {
    let seen = World::new()
        .host("a", || async {
            let file = Arc::new(File::create("/log")?);
            let writers: Vec<_> = (0..4)
                .map(|_| {
                    let file = Arc::clone(&file);
                    std::thread::spawn(move || {
                        (0..10).try_for_each(|_| (&*file).write_all(b"line\n"))
                    })
                })
                .collect();
            tokio::time::sleep(ms(200)).await;
            assert!(writers.into_iter().all(|writer| writer.join().is_ok_and(|it| it.is_ok())));
            log(&format!("{}", fs::read_to_string("/log")?.lines().count()));
            pending().await
        })
        .plan(|plan| plan.lasts(ms(500)))
        .completes(1);
    assert_eq!(seen.said("a"), ["40"]);
}
