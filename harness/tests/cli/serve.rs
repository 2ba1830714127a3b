//! `squall serve` on folders that are not what they should be.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStderr, Command, Stdio},
};

use super::{
    Test,
    place::{Place, ended},
};

pub(crate) const TESTS: &[Test] = &[
    ("a_folder_that_is_not_there_is_made_with_a_word", made),
    ("a_folder_that_goes_is_missed", gone),
    ("a_file_is_no_folder", file),
    ("a_server_ends_with_its_terminal", hangup),
];

/// A server, and what it says on standard error.
struct Server {
    child: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Server {
    fn start(place: &Place, folder: &str) -> Self {
        let mut child = place
            .command(&["serve", &place.at(folder), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut address = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut address).expect("a line");
        assert!(address.contains(" on http://127.0.0.1:"), "{address}");
        Self { child, said }
    }

    #[track_caller]
    fn says(&mut self, part: &str) {
        let line = self.said.next().expect("a line").expect("text");
        assert!(line.starts_with("squall: ") && line.contains(part), "expected {part:?} in {line}");
    }

    fn stop(mut self, signal: &str) {
        let asked =
            Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        assert!(asked.expect("there is a kill command").success());
        assert_eq!(ended(&mut self.child).code(), Some(0));
    }
}

/// A test that fails leaves no server behind.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn made() {
    let place = Place::new("made");
    let mut server = Server::start(&place, "not/there");
    server.says("there was no folder");
    assert!(place.path("not/there").is_dir());
    server.stop("TERM");
    let mut server = Server::start(&place, "not/there");
    server.says("there is no record in");
    server.stop("INT");
}

fn gone() {
    let place = Place::new("gone");
    let mut server = Server::start(&place, "records");
    server.says("there was no folder");
    fs::remove_dir(place.path("records")).expect("it is there");
    server.says("cannot read the folder");
    fs::create_dir(place.path("records")).expect("it is not there");
    server.says("is back");
    server.stop("TERM");
}

fn file() {
    let place = Place::new("file");
    fs::write(place.path("records"), "").expect("a file");
    let ran = place.run(&["serve", &place.at("records"), "--listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.err);
    assert!(ran.err.contains("expected a folder of records, found the file"), "{}", ran.err);
}

fn hangup() {
    let place = Place::new("hangup");
    Server::start(&place, "records").stop("HUP");
}
