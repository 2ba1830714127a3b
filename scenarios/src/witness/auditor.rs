//! Reads the books of all who take part in orders, and what customers were told, and holds them against
//! each other: is all of an order in effect, or nothing of it, and was its customer told so?

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use http::Request;
use serde::Deserialize;
use serde_json::Value;
use squall::BoxError;
use tokio::time::sleep;

use super::client::ask;

/// No book has more pages.
const PAGES_MAX: usize = 1_000;

/// Whose books are read, and when.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Those who take part, as `host:port`.
    parties: Vec<String>,
    /// Who tells customers.
    notifications: String,
    /// When it begins, which is when nothing is under way any more.
    at_ms: u64,
}

/// What the books say of an order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    /// How often each who takes part has it in effect.
    effects: BTreeMap<usize, usize>,
    /// What its customer was told, in order.
    told: Vec<String>,
}

/// Ends when all books are read.
pub(super) async fn run(config: Config) -> Result<(), Infallible> {
    sleep(Duration::from_millis(config.at_ms)).await;
    match read(&config).await {
        Ok(accounts) => {
            for (order, account) in &accounts {
                let (effects, told) =
                    (account.effects(config.parties.len()), account.told.join(" "));
                let agrees = account.agrees(config.parties.len());
                tracing::info!(order, effects, told, agrees, "order audited");
            }
        }
        Err(error) => tracing::warn!(%error, "books not read"),
    }
    Ok(())
}

async fn read(config: &Config) -> Result<BTreeMap<String, Account>, BoxError> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for (party, target) in config.parties.iter().enumerate() {
        for entry in pages(target, "entries", "key").await? {
            let account = accounts.entry(text(&entry, "order")?).or_default();
            if text(&entry, "fate")? == "done" {
                *account.effects.entry(party).or_default() += 1;
            }
        }
    }
    for told in pages(&config.notifications, "notifications", "number").await? {
        let account = accounts.entry(text(&told, "order")?).or_default();
        account.told.push(text(&told, "kind")?);
    }
    Ok(accounts)
}

/// All lines of a book, which is read on after the `place` of the last one.
async fn pages(target: &str, book: &str, place: &str) -> Result<Vec<Value>, BoxError> {
    let (mut lines, mut query) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let answer = ask(target, Request::get(format!("/{book}{query}"))).await?;
        let page = answer.body[book].as_array().cloned();
        let page = page.ok_or_else(|| format!("{target} has answered with {}", answer.status))?;
        let Some(last) = page.last() else { return Ok(lines) };
        let last = last[place].as_str().map_or_else(|| last[place].to_string(), str::to_owned);
        query = format!("?after={last}");
        lines.extend(page);
    }
    Err(format!("{target} has more than {PAGES_MAX} pages").into())
}

fn text(line: &Value, field: &str) -> Result<String, BoxError> {
    let found = line[field].as_str();
    Ok(found.ok_or_else(|| format!("expected the text {field}, found {line}"))?.to_owned())
}

impl Account {
    /// How much of it is in effect, with so many who take part: each once, or not at all.
    fn effects(&self, parties: usize) -> &'static str {
        let once = self.effects.values().filter(|times| **times == 1).count();
        match (self.effects.len(), once) {
            (0, _) => "nothing",
            (found, once) if found == parties && once == parties => "all",
            _ => "some",
        }
    }

    /// Was the customer told once that it is placed, and once what became of it?
    fn agrees(&self, parties: usize) -> bool {
        let told: Vec<&str> = self.told.iter().map(String::as_str).collect();
        match self.effects(parties) {
            "all" => told == ["placed", "completed"],
            "nothing" => told == ["placed", "cancelled"],
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(effects: &[(usize, usize)], told: &[&str], expected: (&str, bool)) {
        let told = told.iter().map(|kind| (*kind).to_owned()).collect();
        let account = Account { effects: effects.iter().copied().collect(), told };
        assert_eq!((account.effects(3), account.agrees(3)), expected, "{account:?}");
    }

    #[test]
    fn an_order_is_all_or_nothing_and_told_so() {
        let all = [(0, 1), (1, 1), (2, 1)];
        check(&all, &["placed", "completed"], ("all", true));
        check(&all, &["placed", "cancelled"], ("all", false));
        check(&all, &["completed", "placed"], ("all", false));
        check(&all, &["placed", "placed", "completed"], ("all", false));
        check(&all, &["placed"], ("all", false));
        check(&[], &["placed", "cancelled"], ("nothing", true));
        check(&[], &["placed", "completed"], ("nothing", false));
        check(&[], &["placed"], ("nothing", false));
        check(&[(0, 1), (1, 1)], &["placed", "cancelled"], ("some", false));
        check(&[(0, 1), (1, 2), (2, 1)], &["placed", "completed"], ("some", false));
    }
}
