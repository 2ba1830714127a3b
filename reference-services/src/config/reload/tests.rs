//! What may change does, all of it or nothing; and a file is found to have changed when it is whole.

use std::{fs, path::PathBuf};

use prometheus_client::{encoding::text::encode, registry::Registry};

use super::*;
use crate::{
    aggregation::Config as ApiConfig, balancer, cache, catalog, dependency, external_api,
    notifications, orders, participant, queue_broker, relay, result_store, worker,
};

/// A file of its own, gone at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("{}-reload-{name}.toml", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("a temporary file");
    }

    fn sources(&self) -> Sources {
        Sources { file: Some(self.0.clone()), ..Sources::default() }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.0);
    }
}

fn load_from<C: Config>(file: &File) -> Reloading<C> {
    Reloading::load(file.sources()).expect("a good configuration")
}

#[test]
fn what_may_change_changes_and_who_has_the_one_before_keeps_it() {
    let file = File::new("better", "call_timeout_ms = 100\n[retry]\nbackoff_ms = 5\n");
    let reloading = load_from::<ApiConfig>(&file);
    let live = reloading.live();
    let before = live.get();
    file.write("call_timeout_ms = 120\nretry_after_s = 3\n");
    let changed = reloading.read().expect("a good configuration");
    assert_eq!(changed, "`call_timeout_ms`, `retry.backoff_ms`, `retry_after_s`");
    assert_eq!((before.call_timeout_ms, live.get().call_timeout_ms), (100, 120));
    assert_eq!(live.get().retry, ApiConfig::default().retry, "what is left out is the default");
    assert_eq!(reloading.read().expect("the same"), "nothing");
}

#[test]
fn layers_above_the_file_still_win() {
    let file = File::new("layers", "retry_after_s = 1\n");
    let flags = vec![("retry_after_s".to_owned(), "9".to_owned())];
    let sources = Sources { flags, ..file.sources() };
    let reloading = Reloading::<ApiConfig>::load(sources).expect("a good configuration");
    file.write("retry_after_s = 5\n");
    assert_eq!(reloading.read().expect("a good configuration"), "nothing");
    assert_eq!(reloading.live().get().retry_after_s, 9);
}

#[track_caller]
fn refused<C: Config + std::fmt::Debug + PartialEq>(before: &str, after: &str, error: &str) {
    let name = std::panic::Location::caller().line().to_string();
    let file = File::new(&name, before);
    let reloading = load_from::<C>(&file);
    let was = reloading.live().get();
    file.write(after);
    let found = reloading.read().expect_err("a configuration that cannot be used").to_string();
    assert!(found.contains(error), "expected {error}, found {found}");
    assert_eq!(reloading.live().get(), was);
}

#[test]
fn what_cannot_be_used_is_refused_as_a_whole() {
    refused::<ApiConfig>(
        "",
        "retry_after_s = 2\ncall_timeout_ms = \"long\"\n",
        "line 2, column 19: invalid type: string \"long\", expected u64",
    );
    refused::<ApiConfig>(
        "",
        "retry_after_s = 2\ncall_timeout_ms = 500\n",
        "`call_timeout_ms`: expected 1 to request_deadline_ms (180), found 500",
    );
    refused::<ApiConfig>("", "retry_after_s = ", "line 1, column 17");
    refused::<ApiConfig>("", "retry_aftr_s = 2\n", "unknown field `retry_aftr_s`");
}

#[test]
fn what_only_another_start_can_change_is_refused_by_name() {
    refused::<ApiConfig>(
        "listen = '127.0.0.1:1'\n",
        "listen = '127.0.0.1:2'\nretry_after_s = 2\n[upstreams]\nreviews = 'http://r:1'\n",
        "expected no change of `listen`, `upstreams.reviews`, which takes a restart; what can change \
         is `request_deadline_ms`, ",
    );
    // Not all that begins as a field that can change.
    refused::<queue_broker::Config>("", "lease_ms = 1000\n", "no change of `lease_ms`");
    refused::<queue_broker::Config>("", "defects = ['forgets-done']\n", "no change of `defects`");
}

#[test]
fn a_secret_that_changes_is_named_and_not_shown() {
    let key =
        |letter: &str| format!("retry_after_s = 1\n[session]\nkey = '{}'\n", letter.repeat(40));
    let file = File::new("secret", &key("a"));
    let reloading = load_from::<cache::Config>(&file);
    file.write(&key("b").replace("retry_after_s = 1", "retry_after_s = 2"));
    let error = reloading.read().expect_err("another key").to_string();
    assert!(error.contains("no change of `session.key`"), "{error}");
    assert!(!error.contains("aaaa") && !error.contains("bbbb"), "{error}");
}

#[test]
fn a_file_that_is_gone_changes_nothing() {
    let file = File::new("gone", "retry_after_s = 7\n");
    let reloading = load_from::<ApiConfig>(&file);
    fs::remove_file(&file.0).expect("the temporary file");
    let error = reloading.read().expect_err("no file").to_string();
    assert!(error.starts_with("expected a readable configuration in the file "), "{error}");
    assert_eq!(reloading.live().get().retry_after_s, 7);
}

/// The fields that are said to be live and are none.
fn unknown<C: Config>() -> Vec<&'static str> {
    let unknown = |path: &&&str| {
        // What no field takes: the error says so, or that there is no such field.
        let flags = vec![((**path).to_owned(), "[[[{ no = 'field' }]]]".to_owned())];
        let error = load::<C>(&Sources { flags, ..Sources::default() }).err();
        let last = path.rsplit('.').next().unwrap_or(path);
        error.is_none_or(|error| error.to_string().contains(&format!("unknown field `{last}`")))
    };
    C::LIVE.iter().filter(unknown).copied().collect()
}

#[test]
fn what_is_said_to_change_is_a_field() {
    let all = [
        unknown::<ApiConfig>(),
        unknown::<balancer::Config>(),
        unknown::<cache::Config>(),
        unknown::<catalog::Config>(),
        unknown::<dependency::Config>(),
        unknown::<external_api::Config>(),
        unknown::<notifications::Config>(),
        unknown::<orders::Config>(),
        unknown::<participant::Config>(),
        unknown::<queue_broker::Config>(),
        unknown::<relay::Config>(),
        unknown::<result_store::Config>(),
        unknown::<worker::Config>(),
    ];
    assert!(all.iter().all(Vec::is_empty), "{all:?}");
}

#[test]
fn metrics_count_what_came_of_it() {
    let file = File::new("metrics", "");
    let reloading = load_from::<ApiConfig>(&file);
    let mut registry = Registry::with_prefix("api");
    reloading.live().register(&mut registry);
    let shown = || {
        let mut text = String::new();
        encode(&mut text, &registry).expect("text");
        text
    };
    assert!(shown().contains("api_config_last_reload_successful 1\n"), "{}", shown());
    file.write("retry_after_s = 2\n");
    reloading.reload();
    file.write("retry_after_s = 'soon'\n");
    reloading.reload();
    reloading.reload();
    for line in [
        "api_config_reloads_total{outcome=\"applied\"} 1\n",
        "api_config_reloads_total{outcome=\"refused\"} 2\n",
        "api_config_last_reload_successful 0\n",
    ] {
        assert!(shown().contains(line), "{line} is not in {}", shown());
    }
    file.write("retry_after_s = 3\n");
    reloading.reload();
    assert!(shown().contains("api_config_last_reload_successful 1\n"), "{}", shown());
    // A service that reads no file says nothing of it.
    let mut none = Registry::default();
    Live::new(ApiConfig::default()).register(&mut none);
    let mut text = String::new();
    encode(&mut text, &none).expect("text");
    assert_eq!(text, "# EOF\n");
}

#[test]
fn a_file_that_has_changed_is_read_once_it_is_whole() {
    let looks = |length| Looks(Some((length, None, 1)));
    let mut seen = Seen::new(looks(1));
    let found: Vec<bool> = [1, 2, 3, 3, 3, 4, 3, 3, 5, 5]
        .into_iter()
        .map(|length| seen.is_another(looks(length)))
        .collect();
    let expected = [false, false, false, true, false, false, false, false, false, true];
    assert_eq!(found, expected);
    assert!(!seen.is_another(Looks(None)) && seen.is_another(Looks(None)), "it is gone");
}
