//! `squall proxy`: what it says, what it refuses, and how it ends.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};

use super::{
    Test,
    place::{Place, ended},
};

pub(crate) const TESTS: &[Test] = &[
    ("a_proxy_of_a_file_is_driven_and_ends_when_it_is_asked_to", driven),
    ("a_proxy_refuses_what_it_cannot_do_in_one_sentence", refused),
];

/// A running proxy; a test that fails leaves none behind.
struct Proxy {
    child: Child,
    address: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let all = [&["proxy", "--port", "0"], arguments].concat();
        let mut child =
            place.command(&all).stdout(Stdio::piped()).spawn().expect("it can be started");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address =
            line.strip_prefix("listening on http://").and_then(|it| it.strip_suffix("/\n"));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { child, address }
    }

    #[expect(clippy::disallowed_types, reason = "the test has no runtime to block")]
    fn get(&self, path: &str) -> String {
        let mut socket = std::net::TcpStream::connect(&self.address).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("bytes");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

fn driven() {
    let place = Place::new("proxy");
    let config = place.path("proxies.json");
    let text = r#"[{"name":"db","listen":"localhost:0","upstream":"localhost:5432"}]"#;
    fs::write(&config, text).expect("a file");
    for signal in ["TERM", "INT"] {
        let arguments = ["--config", &place.at("proxies.json"), "--proxy-metrics", "--seed", "7"];
        let mut proxy = Proxy::start(&place, &arguments);
        let answer = proxy.get("/proxies/db");
        assert!(answer.contains("\"listen\":\"127.0.0.1:") && answer.contains("true"), "{answer}");
        assert!(proxy.get("/metrics").starts_with("HTTP/1.1 200"));
        let process = proxy.child.id().to_string();
        let asked = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(asked.expect("there is a kill command").success());
        assert_eq!(ended(&mut proxy.child).code(), Some(0), "{signal}");
    }
}

fn refused() {
    let place = Place::new("proxy-refused");
    fs::write(place.path("wrong.json"), r#"[{"name":"db"}]"#).expect("a file");
    let taken = Proxy::start(&place, &[]);
    let port = taken.address.rsplit(':').next().expect("a port").to_owned();
    let (wrong, absent) = (place.at("wrong.json"), place.at("absent.json"));
    for (arguments, sentence) in [
        (vec!["--port", &port], "bind: address already in use"),
        (vec!["--port", "0", "--host", "0.0.0.0"], "--allow-remote lets it listen there"),
        (vec!["--port", "0", "--config", &wrong], "missing required field: upstream at proxy 1"),
        (vec!["--port", "0", "--config", &absent], "absent.json: No such file"),
        (vec!["--port", "0", "--config", &place.at(".")], "it is not a file"),
    ] {
        let ran = place.run(&[&["proxy"], arguments.as_slice()].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(sentence), "{sentence}: {}", ran.err);
    }
}
