//! rusqlite, whose calls block, on a disk that loses its power at any instant: no row that it has told
//! of is lost as long as SQLite is told to sync.

use std::{collections::BTreeSet, thread};

use rusqlite::Connection;
use squall::plan::{power_loss, torn_write};
use works::{BoxError, Done, Seen, Trial, log, ms};

/// How many runs lose their power, for each way to keep the database.
const SEEDS: u64 = 40;

/// Says what is in the database, and puts one number after another in, each with its own commit.
fn count(pragmas: &str) -> Result<(), BoxError> {
    let connection = Connection::open("/numbers.db")?;
    connection.execute_batch(pragmas)?;
    connection.execute_batch("CREATE TABLE IF NOT EXISTS numbers (number INTEGER NOT NULL)")?;
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    log(&format!("integrity {check}"));
    let rows = connection
        .prepare("SELECT number FROM numbers ORDER BY number")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    log(&format!("rows {rows:?}"));
    for number in rows.last().map_or(0, |last| last + 1).. {
        connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
        log(&format!("inserted {number}"));
        thread::sleep(ms(10));
    }
    Ok(())
}

async fn service(pragmas: &'static str) -> Done {
    let counting =
        tokio::task::spawn_blocking(|| count(pragmas).map_err(|error| error.to_string()));
    Ok(counting.await??)
}

fn trial(name: &str, pragmas: &'static str) -> Trial {
    Trial::new(name)
        .host("server", move || service(pragmas))
        .host("idle", std::future::pending::<Done>)
        .plan(|plan| plan.lasts(ms(2_000)))
        .fault(power_loss("server").from(ms(200)).spread(ms(300)).lasting(ms(100)))
        .fault(torn_write("server").from(ms(1_000)).spread(ms(300)).lasting(ms(100)))
}

/// What was told of and is not there when the service starts again.
fn lost(seen: &Seen) -> BTreeSet<u64> {
    let checks = seen.said("server", "integrity ");
    assert!(checks.iter().all(|(_, result)| *result == "ok"), "{checks:?}");
    let (told, starts) = (seen.said("server", "inserted "), seen.said("server", "rows "));
    assert_eq!(starts.len(), 3, "it starts again after each loss");
    assert!(told.len() > 30, "{told:?}");
    let mut lost = BTreeSet::new();
    for (at, rows) in starts {
        let rows = rows.trim_matches(['[', ']']).split(", ");
        let rows: BTreeSet<u64> = rows.filter_map(|row| row.parse().ok()).collect();
        let told = told.iter().filter(|(told, _)| *told < at);
        let told = told.filter_map(|(_, text)| text.parse().ok());
        lost.extend(told.filter(|number| !rows.contains(number)));
    }
    lost
}

fn main() {
    let synced = trial("rusqlite", "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    // What SQLite does once in a process, it does in the first run of it.
    for seed in 3..=SEEDS {
        assert_eq!(lost(&synced.run(seed)), BTreeSet::new(), "with the seed {seed}");
    }
    synced.works(|seen| assert_eq!(lost(seen), BTreeSet::new()));
    println!("rusqlite: no row is lost with {SEEDS} seeds");
    let unsynced = trial("rusqlite-off", "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    let found = (1..=SEEDS).find_map(|seed| Some((seed, lost(&unsynced.run(seed)).pop_first()?)));
    let (seed, row) = found.expect("what is not synced is lost");
    println!("rusqlite-off: seed {seed} loses the row {row}");
}
