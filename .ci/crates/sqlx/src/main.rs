//! sqlx with SQLite on a disk that loses its power at any instant: no row that a client was told of is
//! lost as long as SQLite is told to sync, and one is if it is not.

use std::collections::BTreeSet;

use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use squall::plan::{power_loss, torn_write};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};
use works::{Done, Seen, Trial, calls, log, ms};

/// How many runs lose their power, for each way to keep the database.
const SEEDS: u64 = 200;

/// Opens the database, says what is in it, and puts the numbers in that clients send.
async fn server(journal: SqliteJournalMode, synchronous: SqliteSynchronous) -> Done {
    let options = SqliteConnectOptions::new()
        .filename("/numbers.db")
        .create_if_missing(true)
        .journal_mode(journal)
        .synchronous(synchronous);
    let pool = SqlitePoolOptions::new().max_connections(3).connect_with(options).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS numbers (number INTEGER NOT NULL)")
        .execute(&pool)
        .await?;
    let check = sqlx::query("PRAGMA integrity_check").fetch_one(&pool).await?;
    log(&format!("integrity {}", check.get::<String, _>(0)));
    let rows = sqlx::query("SELECT number FROM numbers ORDER BY number").fetch_all(&pool).await?;
    let numbers: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    log(&format!("rows {numbers:?}"));
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let pool = pool.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &pool).await {
                log(&format!("served badly: {error}"));
            }
        });
    }
}

async fn serve(mut stream: TcpStream, pool: &SqlitePool) -> Done {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let number: i64 = line.parse()?;
        sqlx::query("INSERT INTO numbers VALUES (?)").bind(number).execute(pool).await?;
        write.write_all(format!("{number}\n").as_bytes()).await?;
    }
    Ok(())
}

/// Has a number put in, and waits to be told that it was.
async fn insert(number: u64) -> Result<String, works::BoxError> {
    let mut stream = TcpStream::connect("server:80").await?;
    stream.write_all(format!("{number}\n").as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).await?;
    if answer.trim() == number.to_string() {
        Ok(number.to_string())
    } else {
        Err("no answer".into())
    }
}

fn trial(name: &str, journal: SqliteJournalMode, synchronous: SqliteSynchronous) -> Trial {
    Trial::new(name)
        .host("server", move || server(journal, synchronous))
        .host("client", || calls(insert))
}

/// Two losses of power at instants that the seed draws, the second in the middle of writing.
fn without_power(name: &str, journal: SqliteJournalMode, synchronous: SqliteSynchronous) -> Trial {
    trial(name, journal, synchronous)
        .plan(|plan| plan.lasts(ms(2_000)))
        .fault(power_loss("server").from(ms(200)).spread(ms(300)).lasting(ms(100)))
        .fault(torn_write("server").from(ms(1_000)).spread(ms(300)).lasting(ms(100)))
}

/// The rows that the client had been told of when the server started, and that are not there.
///
/// # Errors
///
/// What is wrong with the database, if anything is.
fn lost(seen: &Seen) -> Result<BTreeSet<u64>, String> {
    for (at, result) in seen.said("server", "integrity ") {
        if result != "ok" {
            return Err(format!("at {at:?}: {result}"));
        }
    }
    let told = seen.said("client", "answered ");
    let told = |until| {
        let numbers = told.iter().filter(move |(at, _)| *at < until);
        numbers.filter_map(|(_, text)| text.split(':').next()?.parse::<u64>().ok())
    };
    let starts = seen.said("server", "rows ");
    assert!(starts.len() >= 2, "it starts again: {:?}", seen.facts());
    let mut lost = BTreeSet::new();
    for (at, rows) in starts {
        let rows = rows.trim_matches(['[', ']']).split(", ");
        let rows: BTreeSet<u64> = rows.filter_map(|row| row.parse().ok()).collect();
        lost.extend(told(at).filter(|number| !rows.contains(number)));
    }
    Ok(lost)
}

/// The first seed with which something is lost or broken, and what.
fn first_lost(trial: &Trial) -> Option<(u64, Result<BTreeSet<u64>, String>)> {
    let mut runs = (1..=SEEDS).map(|seed| (seed, lost(&trial.run(seed))));
    runs.find(|(_, lost)| lost.as_ref() != Ok(&BTreeSet::new()))
}

fn main() {
    use SqliteJournalMode::{Delete, Wal};
    use SqliteSynchronous::{Extra, Full, Off};
    trial("sqlx", Wal, Full).outages().works(|seen| {
        seen.lives_through_outages();
        assert_eq!(lost(seen), Ok(BTreeSet::new()));
    });
    // In the mode `DELETE` a commit is that the journal is deleted, and only `EXTRA` makes sure that it
    // is: its documentation says so, and with `FULL` the last commit may be undone.
    for (name, journal, synchronous, keeps) in [
        ("sqlx-wal-full", Wal, Full, true),
        ("sqlx-delete-extra", Delete, Extra, true),
        ("sqlx-delete-full", Delete, Full, false),
        ("sqlx-wal-off", Wal, Off, false),
        ("sqlx-delete-off", Delete, Off, false),
    ] {
        let found = first_lost(&without_power(name, journal, synchronous));
        match &found {
            None => println!("{name}: no row is lost with {SEEDS} seeds"),
            Some((seed, Ok(rows))) => println!("{name}: seed {seed} loses the rows {rows:?}"),
            Some((seed, Err(wrong))) => {
                println!("{name}: seed {seed} breaks the database: {wrong}")
            }
        }
        assert_eq!(found.is_none(), keeps, "{name}: does it keep what it has told of?");
    }
}
