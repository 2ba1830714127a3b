//! Layers override each other in order, and mistakes name their place.

use std::{fs, path::PathBuf};

use super::*;
use crate::aggregation::{Config as ApiConfig, Defect};

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{}-{name}.toml", std::process::id()));
    fs::write(&path, text).expect("a temporary file");
    path
}

fn sources(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Sources {
        file: None,
        prefix: "AGGREGATION_API_".to_owned(),
        environment: own(environment),
        flags: own(flags),
    }
}

#[track_caller]
fn fails(sources: &Sources, expected: &str) {
    let error = load::<ApiConfig>(sources).expect_err("a bad configuration").to_string();
    assert_eq!(error, expected);
}

#[test]
fn later_layers_win() {
    let file = file("layers", "listen = '127.0.0.1:1'\ncpu_us = 1\nbulkhead = 7\n");
    let sources = Sources {
        file: Some(file.clone()),
        ..sources(
            &[
                ("AGGREGATION_API_LISTEN", "127.0.0.1:2"),
                ("AGGREGATION_API_CPU_US", "2"),
                ("AGGREGATION_API_BREAKER__OPEN_MS", "250"),
                ("OTHER", "ignored"),
            ],
            &[("cpu_us", "3"), ("defects", r#"["sequential-calls"]"#)],
        )
    };
    let config: ApiConfig = load(&sources).expect("a good configuration");
    fs::remove_file(file).expect("the temporary file");
    assert_eq!(config.listen, "127.0.0.1:2");
    assert_eq!(config.cpu_us, 3);
    assert_eq!(config.bulkhead, 7);
    assert_eq!(config.breaker.open_ms, 250);
    assert_eq!(config.breaker.calls_min, ApiConfig::default().breaker.calls_min);
    assert!(config.defects.contains(&Defect::SequentialCalls));
}

#[test]
fn what_kubernetes_injects_is_no_configuration() {
    let config: ApiConfig = load(&sources(
        &[
            ("AGGREGATION_API_SERVICE_HOST", "10.0.0.11"),
            ("AGGREGATION_API_SERVICE_PORT", "8080"),
            ("AGGREGATION_API_PORT", "tcp://10.0.0.11:8080"),
            ("AGGREGATION_API_PORT_8080_TCP_ADDR", "10.0.0.11"),
            ("AGGREGATION_API_BREAKER_SERVICE_HOST", "10.0.0.12"),
        ],
        &[],
    ))
    .expect("the defaults");
    assert_eq!(config, ApiConfig::default());
    let typo = sources(&[("AGGREGATION_API_LISTENS", "127.0.0.1:1")], &[]);
    assert!(load::<ApiConfig>(&typo).is_err(), "what is not injected is a mistake");
}

/// The names under which all fields of a configuration are set in the environment.
fn names<C: Config>(config: C) -> Vec<String> {
    fn walk(table: &Table, before: &str, names: &mut Vec<String>) {
        for (key, value) in table {
            let name = format!("{before}{}", key.to_uppercase());
            if let Value::Table(inner) = value {
                walk(inner, &format!("{name}__"), names);
            }
            names.push(name);
        }
    }
    let mut all = Vec::new();
    walk(&Table::try_from(config).expect("a table"), "", &mut all);
    all
}

#[test]
fn a_service_whose_name_is_a_part_of_ours_is_no_configuration() {
    let environment = [
        ("CACHE_SERVICE_HOST", "10.0.0.11"),
        ("CACHE_SERVICE_PORT", "80"),
        ("CACHE_SERVICE_PORT_HTTP", "80"),
    ];
    let prefix = "CACHE_SERVICE_".to_owned();
    let sources = Sources { prefix, ..sources(&environment, &[]) };
    let config: crate::cache::Config = load(&sources).expect("the defaults");
    assert_eq!(config, crate::cache::Config::default());
}

#[test]
fn no_field_is_named_as_what_kubernetes_injects() {
    let all = [
        names(ApiConfig::default()),
        names(crate::balancer::Config::default()),
        names(crate::cache::Config::default()),
        names(crate::catalog::Config::default()),
        names(crate::dependency::Config::default()),
        names(crate::external_api::Config::default()),
        names(crate::queue_broker::Config::default()),
        names(crate::relay::Config::default()),
        names(crate::result_store::Config::default()),
        names(crate::worker::Config::default()),
    ];
    for name in all.into_iter().flatten() {
        let name = format!("CACHE_SERVICE_{name}");
        assert!(!service_link::is(&name, "tcp://10.0.0.11:80"), "{name}");
    }
}

#[test]
fn a_printed_configuration_shows_no_secret() {
    let mut config = crate::cache::Config::default();
    config.session.key = Some("0123456789abcdef0123456789abcdef".to_owned().into());
    let shown = toml::to_string(&config).expect("TOML");
    assert!(shown.contains("key = \"(hidden)\""), "{shown}");
    assert!(!format!("{config:?}{shown}").contains("0123456789"), "the key is shown");
    // Nor is what is printed taken for one.
    let path = file("hidden", &shown);
    let sources = Sources { file: Some(path.clone()), ..Sources::default() };
    let error = load::<crate::cache::Config>(&sources).expect_err("no key").to_string();
    fs::remove_file(path).expect("the temporary file");
    assert!(error.contains("`session.key`: expected at least 32 bytes"), "{error}");
}

#[test]
fn without_layers_the_defaults_hold() {
    let config: ApiConfig = load(&sources(&[], &[])).expect("the defaults");
    assert_eq!(config, ApiConfig::default());
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    fails(
        &sources(&[("AGGREGATION_API_CPU_US", "fast")], &[]),
        "bad configuration in the environment variable AGGREGATION_API_CPU_US: invalid type: \
         string \"fast\", expected u64",
    );
}

#[test]
fn a_mistake_in_a_flag_names_the_flag() {
    fails(
        &sources(&[], &[("breaker.open", "1")]),
        "bad configuration in the flag for `breaker.open`: unknown field `open`, expected one of \
         `window_ms`, `calls_min`, `failure_percent`, `open_ms`",
    );
}

#[test]
fn a_mistake_in_the_file_names_line_and_column() {
    let path = file("mistake", "listen = '127.0.0.1:1'\n\n[breaker]\nopen_ms = 'long'\n");
    let sources = Sources { file: Some(path.clone()), ..sources(&[], &[]) };
    let error = load::<ApiConfig>(&sources).expect_err("a bad file").to_string();
    fs::remove_file(&path).expect("the temporary file");
    let expected = format!(
        "bad configuration in the file {}, line 4, column 11: invalid type: string \"long\", \
         expected u64",
        path.display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_missing_file_is_named() {
    let path = PathBuf::from("/nowhere/api.toml");
    let sources = Sources { file: Some(path), ..sources(&[], &[]) };
    fails(
        &sources,
        "expected a readable configuration in the file /nowhere/api.toml, found: No such file or \
         directory (os error 2)",
    );
}

#[test]
fn a_value_out_of_range_is_named() {
    fails(
        &sources(&[("AGGREGATION_API_BREAKER__FAILURE_PERCENT", "101")], &[]),
        "bad configuration in `breaker.failure_percent`: expected 1 to 100, found 101",
    );
    fails(
        &sources(&[], &[("call_timeout_ms", "500")]),
        "bad configuration in `call_timeout_ms`: expected 1 to request_deadline_ms (180), found 500",
    );
}

#[test]
fn an_upstream_that_is_no_address_is_named() {
    fails(
        &sources(&[], &[("upstreams.reviews", "reviews:50053")]),
        "bad configuration in `upstreams.reviews`: expected http://host:port, found reviews:50053",
    );
}

#[test]
fn values_are_toml_or_else_strings() {
    assert_eq!(parse("5"), Value::Integer(5));
    assert_eq!(parse("127.0.0.1:80"), Value::String("127.0.0.1:80".to_owned()));
    assert_eq!(parse("a\nb = 1"), Value::String("a\nb = 1".to_owned()));
    assert_eq!(parse("1\nb = 1"), Value::String("1\nb = 1".to_owned()));
}
