//! Receivers that are gone or take nothing: the service goes on, and what was lost is counted.

use std::{io, thread, time::Duration};

use tracing::{dispatcher::with_default, info, info_span};

use super::{
    super::{Told, exporter::Exporter},
    Listening, told,
};

/// More than the buffers of two sockets hold, in events of twenty kilobytes.
const MANY: u64 = 5_000;

/// Says something long.
fn shout() {
    let text = "long ".repeat(100);
    let text = text.as_str();
    info!(
        a = text,
        b = text,
        c = text,
        d = text,
        e = text,
        f = text,
        g = text,
        h = text,
        i = text,
        j = text,
        k = text,
        l = text,
        m = text,
        n = text,
        o = text,
        p = text,
        q = text,
        r = text,
        s = text,
        t = text,
        u = text,
        v = text,
        w = text,
        x = text,
        y = text,
        z = text,
        "said"
    );
}

/// How many log events arrived, and how many were dropped as told.
fn arrived_and_dropped(told: &[Told]) -> (u64, u64) {
    told.iter().fold((0, 0), |(arrived, dropped), told| match told {
        Told::Log { attributes, message, .. } => {
            assert_eq!((attributes.len(), message.as_str()), (26, "said"));
            (arrived + 1, dropped)
        }
        Told::Dropped { count, host } => {
            assert_eq!(host, "web");
            (arrived, dropped + count)
        }
        other => panic!("nobody said {other:?}"),
    })
}

#[test]
fn who_has_dropped_nothing_says_nothing_of_it() {
    assert_eq!(arrived_and_dropped(&told(|_| shout())), (1, 0));
}

#[test]
#[expect(clippy::disallowed_types, reason = "no simulation")]
fn what_a_receiver_does_not_take_is_dropped_and_counted() {
    let stalled = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stalled.local_addr().expect("a port");
    let exporter = Exporter::connect(address, "web").expect("somebody listens");
    let (mut stream, _) = stalled.accept().expect("the exporter");
    let listening = Listening::begin();
    let mut said = 0;
    with_default(&exporter.dispatch(), || {
        // It waits only once. Otherwise this would take more than an hour.
        while exporter.dropped() < MANY {
            shout();
            said += 1;
        }
        // From now on it takes something, and hands it to a receiver that takes everything.
        let mut on = std::net::TcpStream::connect(listening.address).expect("it listens");
        let relay = thread::spawn(move || io::copy(&mut stream, &mut on).map(drop));
        while exporter.dropped() > 0 {
            shout();
            said += 1;
            thread::sleep(Duration::from_millis(1));
        }
        shout();
        said += 1;
        exporter.finish();
        relay.join().expect("no panic").expect("it reads to the end");
    });
    let (arrived, dropped) = arrived_and_dropped(&listening.stop());
    assert_eq!(arrived + dropped, said, "each is either there or counted");
    assert!(dropped >= MANY && arrived > 0, "{arrived} arrived, {dropped} dropped");
}

#[test]
fn who_comes_back_is_told_what_was_dropped() {
    let first = Listening::begin();
    let address = first.address;
    let exporter = Exporter::connect(address, "web").expect("it listens");
    with_default(&exporter.dispatch(), || {
        shout();
        assert_eq!(arrived_and_dropped(&first.stop()), (1, 0));
        // What the kernel takes before it learns that nobody is there any more is lost silently.
        while exporter.dropped() < 10 {
            shout();
        }
        let second = Listening::at(address);
        while exporter.dropped() > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        shout();
        exporter.finish();
        let (arrived, dropped) = arrived_and_dropped(&second.stop());
        assert_eq!(arrived, 1);
        assert!(dropped >= 10, "{dropped}");
    });
}

#[test]
fn a_service_without_a_receiver_goes_on() {
    let gone = Listening::begin();
    let exporter = Exporter::connect(gone.address, "web").expect("it listens");
    drop(gone.stop());
    with_default(&exporter.dispatch(), || {
        while exporter.dropped() < MANY {
            drop(info_span!("nobody hears it"));
        }
    });
    exporter.finish();
}

#[test]
fn nobody_to_connect_to_is_an_error() {
    let gone = Listening::begin();
    let address = gone.address;
    drop(gone.stop());
    let error = Exporter::connect(address, "web").err().map(|error| error.kind());
    assert_eq!(error, Some(io::ErrorKind::ConnectionRefused));
}
