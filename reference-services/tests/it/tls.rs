//! TLS as programs see it that are not ours: curl and OpenSSL. Without them, these tests say so and
//! show nothing.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use reference_services::{
    dependency::{self, Kind},
    tls::{ClientTls, ServerTls},
};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    pool::{Folder, metric},
    processes::Process,
    world::Plan,
};

/// Far above what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

const ANY: &str = "127.0.0.1:0";

/// A file of `fixtures/certificates`.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/certificates").join(name)
}

fn text(name: &str) -> String {
    fixture(name).to_str().expect("a path in UTF-8").to_owned()
}

/// Is there such a program?
fn is_there(program: &str) -> bool {
    let mut found = Command::new(program);
    let found = found.arg("version").stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = found.status().is_ok();
    if !is_there {
        eprintln!("skipped: there is no {program} here");
    }
    is_there
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it was there a moment ago")
}

/// What `curl` gets from `name` at an address, or the code with which it ends.
fn curl(name: &str, at: SocketAddr, arguments: &[&str]) -> Result<String, Option<i32>> {
    let (port, ip) = (at.port(), at.ip());
    let resolve = format!("{name}:{port}:{ip}");
    let mut command = Command::new("curl");
    let command = command
        .args(["--silent", "--max-time", "20", "--noproxy", "*", "--resolve", &resolve])
        .args(arguments)
        .arg(format!("https://{name}:{port}/healthz"));
    let output = run(command);
    let body = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(body) } else { Err(output.status.code()) }
}

/// What `openssl s_client` says of a handshake.
fn handshake(at: SocketAddr, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    let command = command.args(["s_client", "-connect", &at.to_string()]).args(arguments);
    let Output { stdout, stderr, .. } = run(command);
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}

/// The common name of the certificate that is shown at an address.
fn shown(at: SocketAddr) -> String {
    let said = handshake(at, &["-servername", "localhost", "-alpn", "h2"]);
    let subject = said.lines().find_map(|line| line.strip_prefix("subject="));
    let name = subject.and_then(|subject| subject.rsplit('=').next());
    name.unwrap_or_else(|| panic!("no certificate: {said}")).trim().to_owned()
}

/// Settings of a listener, as flags.
fn flags(at: &str, settings: &[(&str, &str)]) -> Vec<String> {
    let flag = |(field, value): &(&str, &str)| format!("{at}{field}={value}");
    settings.iter().map(flag).flat_map(|flag| ["--set".to_owned(), flag]).collect()
}

fn start(service: &str, flags: &[String]) -> Process {
    let mut arguments = vec![service, "--listen", ANY];
    arguments.extend(flags.iter().map(String::as_str));
    Process::start(&arguments)
}

/// An API whose clients speak TLS, with these settings besides.
fn api(settings: &[(&str, &str)]) -> (Process, SocketAddr) {
    let own = [("certificate", text("api.pem")), ("key", text("api.key"))];
    let own: Vec<_> = own.iter().map(|(field, value)| (*field, value.as_str())).collect();
    let mut api = start("aggregation-api", &flags("tls.", &[&own, settings].concat()));
    let at = api.listens(&["address"])[0];
    (api, at)
}

#[test]
fn curl_believes_the_api_and_nobody_else() {
    if !is_there("curl") {
        return;
    }
    let (_api, at) = api(&[]);
    let (authority, other) = (text("authority.pem"), text("other-authority.pem"));
    let believing = ["--cacert", authority.as_str()];
    assert_eq!(curl("api", at, &believing).as_deref(), Ok("ok\n"));
    for version in ["1.2", "1.3"] {
        let only = ["--tls-max", version, &format!("--tlsv{version}")];
        let answer = curl("api", at, &[&believing[..], &only].concat());
        assert_eq!(answer.as_deref(), Ok("ok\n"), "TLS {version}");
    }
    let unverified = Err(Some(60));
    assert_eq!(curl("api", at, &["--cacert", &other]), unverified, "another authority");
    assert_eq!(curl("somebody", at, &believing), unverified, "another name");
    let old = curl("api", at, &[&believing[..], &["--tls-max", "1.1"]].concat());
    assert!(old.is_err(), "TLS 1.1: {old:?}");
    let clear = run(Command::new("curl")
        .args(["--silent", "--http0.9", "--max-time", "20"])
        .arg(format!("http://{at}/healthz")));
    assert!(!String::from_utf8_lossy(&clear.stdout).contains("ok"), "in the clear: {clear:?}");
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    if !is_there("curl") {
        return;
    }
    let authority = text("authority.pem");
    let (_api, at) = api(&[("client_authority", &authority)]);
    let with = |name: &str| {
        let (certificate, key) = (text(&format!("{name}.pem")), text(&format!("{name}.key")));
        curl("api", at, &["--cacert", &authority, "--cert", &certificate, "--key", &key])
    };
    assert_eq!(with("worker").as_deref(), Ok("ok\n"));
    for refused in [
        curl("api", at, &["--cacert", &authority]),
        curl("api", at, &["--cacert", &authority, "--tls-max", "1.2"]),
        with("reviews-forged"),
        with("inventory-expired"),
        with("inventory-later"),
    ] {
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(with("worker").as_deref(), Ok("ok\n"), "it lives on");
}

#[test]
fn grpc_is_negotiated_and_nothing_else() {
    if !is_there("openssl") {
        return;
    }
    let (certificate, key) = (text("inventory.pem"), text("inventory.key"));
    let mut inventory =
        start("inventory", &flags("grpc.tls.", &[("certificate", &certificate), ("key", &key)]));
    let at = inventory.listens(&["address"])[0];
    let authority = text("authority.pem");
    let believing = ["-CAfile", &authority, "-verify_hostname", "inventory"];
    let said = handshake(at, &[&believing[..], &["-alpn", "h2,http/1.1"]].concat());
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    let said = handshake(at, &[&believing[..], &["-alpn", "http/1.1"]].concat());
    assert!(said.contains("no application protocol"), "{said}");
    // No session is taken up again, since whoever takes one up is not looked at.
    let said = handshake(at, &[&believing[..], &["-alpn", "h2", "-reconnect", "-tls1_2"]].concat());
    assert!(said.contains("New, TLSv1.2") && !said.contains("Reused, "), "{said}");
}

#[tokio::test]
async fn a_new_handshake_has_the_new_certificate() {
    if !is_there("openssl") {
        return;
    }
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).expect("a folder");
    let [certificate, key] = ["tls.crt", "tls.key"].map(|name| folder.path().join(name));
    let place = |name: &str| {
        fs::copy(fixture(&format!("{name}.pem")), &certificate).expect("copied");
        fs::copy(fixture(&format!("{name}.key")), &key).expect("copied");
    };
    place("store");
    let settings = [
        ("grpc.tls.certificate", certificate.to_str().expect("UTF-8")),
        ("grpc.tls.key", key.to_str().expect("UTF-8")),
        ("grpc.tls.reload_ms", "20"),
        ("listen_probes", ANY),
    ];
    let journal = folder.path().join("results.journal");
    let journal = ("journal", journal.to_str().expect("UTF-8"));
    let mut store = start("result-store", &flags("", &[&settings[..], &[journal]].concat()));
    let addresses = store.listens(&["address", "probes"]);
    let (at, probes) = (addresses[0], addresses[1]);
    let reaches = async |series: &str, value: f64| {
        let begun = Instant::now();
        let series = format!("result_store_tls_{series}{{side=\"grpc\"}}");
        while metric(probes, &series).await != Some(value) {
            assert!(begun.elapsed() < PATIENCE, "{series} is never {value}");
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert_eq!(shown(at), "store");
    reaches("certificate_not_after_seconds", 4_891_363_200.0).await;
    place("broker");
    reaches("reloads_total", 1.0).await;
    assert_eq!(shown(at), "broker");

    // What cannot be used is left: garbage, another key, one that has run out, nothing at all.
    fs::write(&certificate, "garbage").expect("written");
    reaches("reload_failures_total", 1.0).await;
    assert_eq!(shown(at), "broker");
    fs::copy(fixture("worker.pem"), &certificate).expect("copied");
    reaches("reload_failures_total", 2.0).await;
    place("inventory-expired");
    reaches("reload_failures_total", 3.0).await;
    fs::remove_file(&certificate).expect("removed");
    reaches("reload_failures_total", 4.0).await;
    assert_eq!(shown(at), "broker");
    reaches("reloads_total", 1.0).await;
    place("store");
    reaches("reloads_total", 2.0).await;
    assert_eq!(shown(at), "store");
}

#[tokio::test]
async fn a_silent_handshake_is_closed_in_time() {
    let (certificate, key) = (text("inventory.pem"), text("inventory.key"));
    let tls =
        [("certificate", certificate.as_str()), ("key", &key), ("handshake_timeout_ms", "300")];
    for (service, prefix, tls_at) in
        [("inventory", "grpc.", "grpc.tls."), ("aggregation-api", "", "tls.")]
    {
        let room = flags(prefix, &[("connections_max", "4")]);
        let mut process = start(service, &[flags(tls_at, &tls), room].concat());
        let at = process.listens(&["address"])[0];
        let mut silent = Vec::new();
        for _ in 0..12 {
            silent.push(TcpStream::connect(at).await.expect("it listens"));
        }
        let begun = Instant::now();
        for stream in &mut silent {
            let mut rest = Vec::new();
            let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "{service}: the connection is still open");
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "{service}: three times 300 ms");
    }
}

#[tokio::test]
async fn a_service_does_not_start_with_files_that_are_of_no_use() {
    let garbage = Folder::new();
    fs::create_dir_all(garbage.path()).expect("a folder");
    let garbage = garbage.path().join("garbage.pem");
    fs::write(&garbage, "garbage").expect("written");
    let garbage = garbage.to_str().expect("UTF-8");
    let owned = ["api.pem", "api.key", "worker.key", "missing.pem"].map(text);
    let [certificate, key, other, missing] = owned.each_ref().map(String::as_str);
    let owned = ["expired.pem", "expired.key", "later.pem", "later.key"];
    let owned = owned.map(|name| text(&format!("inventory-{name}")));
    let [expired, expired_key, later, later_key] = owned.each_ref().map(String::as_str);
    let no_certificate = "expected certificates in PEM, found none";
    let no_key = "expected a private key in PEM, found none";
    for (certificate, key, authority, why) in [
        (missing, key, None, "expected a readable file, found No such file"),
        (garbage, key, None, no_certificate),
        (certificate, garbage, None, no_key),
        (certificate, certificate, None, no_key),
        (certificate, other, None, "expected the key of "),
        (expired, expired_key, None, "a certificate that is valid now, found one that ended "),
        (later, later_key, None, "a certificate that is valid now, found one that begins "),
        (certificate, key, Some(garbage), no_certificate),
    ] {
        let mut settings = vec![("certificate", certificate), ("key", key)];
        settings.extend(authority.map(|authority| ("client_authority", authority)));
        let mut api = start("aggregation-api", &flags("tls.", &settings));
        assert_eq!(api.ends().await, Some(4), "{why}");
        let error = api.error();
        assert!(error.contains(why), "expected {why:?}, found {error:?}");
    }
    let mut api = start("aggregation-api", &flags("tls.", &[("certificate", certificate)]));
    assert_eq!(api.ends().await, Some(3));
    let expected = "`tls.key`: expected the path of a file, found none";
    let error = api.error();
    assert!(error.contains(expected), "{error:?}");
    let upstreams = [("upstreams.tls.authority", certificate)];
    let mut api = start("aggregation-api", &flags("", &upstreams));
    assert_eq!(api.ends().await, Some(3));
    let expected =
        "`upstreams.inventory`: expected https://host:port, found http://127.0.0.1:50051";
    let error = api.error();
    assert!(error.contains(expected), "{error:?}");
}

fn tuned(config: &mut dependency::Config) {
    let mut tls = ServerTls::default();
    let name = config.kind.name();
    tls.certificate = fixture(&format!("{name}.pem"));
    tls.key = fixture(&format!("{name}.key"));
    tls.client_authority = Some(fixture("authority.pem"));
    config.grpc.tls = Some(tls);
}

/// A shop in which all speak mutual TLS, and believe these authorities.
fn secured(authority: &str, own: Option<&str>) -> Plan {
    let mut tls = ClientTls::default();
    tls.authority = fixture(authority);
    tls.certificate = own.map(|own| fixture(&format!("{own}.pem")));
    tls.key = own.map(|own| fixture(&format!("{own}.key")));
    // They are at an address here, for which nobody is certified.
    tls.server_name = Some("localhost".to_owned());
    Kind::ALL
        .into_iter()
        .fold(Plan::default(), |plan, kind| plan.tuned(kind, tuned))
        .api(|config| config.upstreams.tls = Some(tls))
}

#[tokio::test]
async fn the_api_and_its_dependencies_believe_each_other_or_do_not_speak() {
    let world = secured("authority.pem", Some("api")).start().await;
    world.ready().await;
    assert_eq!(world.get("/products/1").await.json()["degraded"], serde_json::json!([]));
    let failures = r#"aggregation_api_tls_handshake_failures_total{side="client"}"#;
    assert_eq!(world.metric(failures).await, Some(0.0));
    for (authority, own) in [
        ("other-authority.pem", Some("api")),
        ("authority.pem", Some("reviews-forged")),
        ("authority.pem", None),
    ] {
        let world = secured(authority, own).api(|config| config.warm_up_ms = 100).start().await;
        world.ready().await;
        world.get("/products/1").await.problem(503);
    }
}

#[test]
fn the_fixtures_are_what_the_script_makes() {
    if !is_there("openssl") {
        return;
    }
    let folder = Folder::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/certificates");
    let made = run(Command::new(script).arg(folder.path()));
    assert!(made.status.success(), "{made:?}");
    let names = |folder: &Path| -> std::collections::BTreeSet<_> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    let made = names(folder.path());
    assert!(!made.is_empty());
    for name in &made {
        let name = name.to_str().expect("UTF-8");
        let (made, kept) = (fs::read(folder.path().join(name)), fs::read(fixture(name)));
        assert_eq!(made.expect("made"), kept.expect("kept"), "{name}");
    }
    let kept = names(&fixture(""));
    assert_eq!(kept.difference(&made).collect::<Vec<_>>(), Vec::<&std::ffi::OsString>::new());
}
